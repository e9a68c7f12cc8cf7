import { demandObject, unknownOption } from '../../base/known-options.ts';

/** Throws a `TypeError` that names the option if the value is invalid. */
type Check = (name: string, value: unknown) => void;
/** A check for every option; the type requires all of them. */
export type Checks<O> = { readonly [K in keyof Required<O>]: Check };

/** Refuses unknown options and invalid values before anything is started. `undefined` counts as absent. */
export function checkOptions<O extends object>(options: O, checks: Checks<O>, place = ''): void {
  demandObject(options);
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue;
    if (!Object.hasOwn(checks, name)) throw unknownOption(`${place}${name}`);
    (checks as Record<string, Check>)[name]?.(`${place}${name}`, value);
  }
}

function taking(what: string, accepts: (value: unknown) => boolean): Check {
  return (name, value) => {
    if (!accepts(value)) throw new TypeError(`${name} must be ${what}`);
  };
}

const isText = (value: unknown): boolean => typeof value === 'string';

export const flag = taking('true or false', (value) => typeof value === 'boolean');
export const text = taking('a string', isText);
export const texts = taking('an array of strings', (value) => Array.isArray(value) && value.every(isText));
export const port = whole(1, 65_535);
export const record = taking(
  'an object of strings',
  (value) => typeof value === 'object' && value !== null && Object.values(value).every(isText),
);

export function whole(least: number, most = Number.MAX_SAFE_INTEGER): Check {
  const bounds = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`;
  return taking(
    `an integer ${bounds}`,
    (value) => Number.isInteger(value) && (value as number) >= least && (value as number) <= most,
  );
}

export function oneOf(...values: readonly string[]): Check {
  return taking(`one of ${values.join(', ')}`, (value) => isText(value) && values.includes(value as string));
}

/** Accepts every value of a type; checks others with `other`. */
export function either(kind: 'boolean' | 'string' | 'function', other: Check): Check {
  return (name, value) => {
    if (typeof value !== kind) other(name, value);
  };
}
