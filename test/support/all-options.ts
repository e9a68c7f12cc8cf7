/** The options of a record, the defaults that it inherits included. */
export function allOptions(record: object): Record<string, unknown> {
  const all: Record<string, unknown> = {};
  for (const name in record) all[name] = (record as Record<string, unknown>)[name];
  return all;
}
