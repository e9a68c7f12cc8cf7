import { AbstractChannel, type ChannelGap } from '../../interfaces/abstract-channel.ts';

/** A channel that records every call made to it. */
export class RecordingChannel extends AbstractChannel {
  readonly name: Buffer;
  readonly isPattern: boolean;
  readonly messages: (Buffer | readonly [Buffer, Buffer])[] = [];
  readonly gaps: ChannelGap[] = [];
  readonly closings: (Error | undefined)[] = [];

  constructor(name: string, isPattern = false) {
    super();
    this.name = Buffer.from(name);
    this.isPattern = isPattern;
  }
  get isActive(): boolean {
    return this.closings.length === 0;
  }
  putNowait(data: Buffer | readonly [Buffer, Buffer]): void {
    this.messages.push(data);
  }
  get(): Promise<unknown> {
    return Promise.reject(
      new Error('get() is for readers: the connection that feeds a channel does not call it'),
    );
  }
  close(error?: Error): void {
    this.closings.push(error);
  }
  override gap(gap: ChannelGap): void {
    this.gaps.push(gap);
  }
}
