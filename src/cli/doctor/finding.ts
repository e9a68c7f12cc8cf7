/** One statement about a set-up, with advice. */
export interface Finding {
  readonly level: 'good' | 'note' | 'wrong';
  /** Part of the set-up, such as `TLS`. */
  readonly about: string;
  readonly says: string;
  readonly advice?: string;
}

export function good(about: string, says: string): Finding {
  return { level: 'good', about, says };
}
export function note(about: string, says: string, advice: string): Finding {
  return { level: 'note', about, says, advice };
}
export function wrong(about: string, says: string, advice: string): Finding {
  return { level: 'wrong', about, says, advice };
}

/** Ends an examination, because further steps would only report the same fault. */
export class Fatal extends Error {
  override readonly name = 'Fatal';
  readonly finding: Finding;

  constructor(finding: Finding) {
    super(finding.says);
    this.finding = finding;
  }
}
