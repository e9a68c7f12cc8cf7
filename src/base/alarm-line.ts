import type { Clock, TimerHandle } from './clock.ts';

/** An entry of an `AlarmLine`: rings once at its time, unless it is removed before. */
export interface Alarm {
  /** The time to ring, on the clock's `now()` scale. */
  readonly at: number;
  line: AlarmLine | null;
  earlier: Alarm | null;
  later: Alarm | null;
  /** Called when it is time, after the alarm has left its line. */
  ring(): void;
}

/** A new alarm may be inserted before at most this many others; one that is due earlier gets its own line. */
const NEAR = 16;

/**
 * Alarms with the same limit in order of time, served by one timer, which is set for the first. If the first alarm is
 * removed the timer stays, and is set again when it fires too early. An empty line has no timer.
 */
export class AlarmLine {
  readonly limit: number;
  readonly clock: Clock;
  readonly unref: boolean;
  #first: Alarm | null = null;
  #last: Alarm | null = null;
  readonly #lines: Map<number, AlarmLine> | null;
  #timer: TimerHandle | null = null;

  /** The line removes itself from `lines` when it is empty. */
  constructor(limit: number, clock: Clock, unref: boolean, lines: Map<number, AlarmLine> | null) {
    this.limit = limit;
    this.clock = clock;
    this.unref = unref;
    this.#lines = lines;
  }

  /** Inserts the alarm in order of time. False: its place is too far from the end, and nothing has changed. */
  add(alarm: Alarm): boolean {
    let earlier = this.#last;
    for (let steps = 0; earlier !== null && earlier.at > alarm.at; earlier = earlier.earlier) {
      if (++steps > NEAR) return false;
    }
    const later = earlier === null ? this.#first : earlier.later;
    alarm.line = this;
    alarm.earlier = earlier;
    alarm.later = later;
    if (later === null) this.#last = alarm;
    else later.earlier = alarm;
    if (earlier !== null) {
      earlier.later = alarm;
      return true;
    }
    this.#first = alarm;
    if (this.#timer !== null) this.clock.clearTimeout(this.#timer);
    this.#arm(alarm);
    return true;
  }

  remove(alarm: Alarm): void {
    const { earlier, later } = alarm;
    if (earlier === null) this.#first = later;
    else earlier.later = later;
    if (later === null) this.#last = earlier;
    else later.earlier = earlier;
    alarm.line = alarm.earlier = alarm.later = null;
    if (this.#first === null) this.#end();
  }

  #arm(first: Alarm): void {
    const delay = Math.max(0, first.at - this.clock.now());
    this.#timer = this.clock.setTimeout(() => this.#fired(), delay, this.unref);
  }

  #fired(): void {
    this.#timer = null;
    try {
      // Timers may fire early: delays are rounded, and long ones are cut to the longest that a timer takes.
      for (let first = this.#first; first !== null && first.at <= this.clock.now(); first = this.#first) {
        this.remove(first);
        first.ring();
      }
    } finally {
      if (this.#first !== null && this.#timer === null) this.#arm(this.#first);
    }
  }

  #end(): void {
    if (this.#timer !== null) this.clock.clearTimeout(this.#timer);
    this.#timer = null;
    if (recent === this) recent = null;
    this.#lines?.delete(this.limit);
  }
}

type Lines = Map<number, AlarmLine>;
const referenced = new WeakMap<Clock, Lines>();
const unreferenced = new WeakMap<Clock, Lines>();
/** The line used last; a cache, because most waits have the same limit, that of their pool. */
let recent: AlarmLine | null = null;

function linesOf(clock: Clock, unref: boolean): Lines {
  const all = unref ? unreferenced : referenced;
  let lines = all.get(clock);
  if (lines === undefined) {
    lines = new Map();
    all.set(clock, lines);
  }
  return lines;
}

/** Adds the alarm to the line of its limit. With `unref` the alarm does not keep the process alive. */
export function setAlarm(alarm: Alarm, limit: number, clock: Clock, unref: boolean): void {
  let line = recent;
  if (line === null || line.limit !== limit || line.unref !== unref || line.clock !== clock) {
    const lines = linesOf(clock, unref);
    line = lines.get(limit) ?? new AlarmLine(limit, clock, unref, lines);
    lines.set(limit, line);
    recent = line;
  }
  if (!line.add(alarm)) new AlarmLine(limit, clock, unref, null).add(alarm);
}
