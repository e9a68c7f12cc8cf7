/** Number of characters of an unknown option name that an error shows. */
const LONGEST_NAME = 64;

/** @throws TypeError if the value is not an object. */
export function demandObject(value: unknown, what = 'options'): asserts value is object {
  if (typeof value !== 'object' || value === null) throw new TypeError(`${what} must be an object`);
}

/** @throws TypeError if the value is not an object or has an unknown option; `undefined` counts as absent. */
export function demandKnown(options: unknown, known: ReadonlySet<string>, of?: string): void {
  demandObject(options, of === undefined ? 'options' : `the options of ${of}`);
  for (const name in options) {
    if (!Object.hasOwn(options, name) || known.has(name)) continue;
    if ((options as Record<string, unknown>)[name] !== undefined) throw unknownOption(name, of);
  }
}

export function unknownOption(name: string, of?: string): TypeError {
  const place = of === undefined ? '' : ` of ${of}:`;
  return new TypeError(`unknown option${place} ${JSON.stringify(name.slice(0, LONGEST_NAME))}`);
}
