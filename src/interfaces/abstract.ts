/** Called in the constructor of an abstract class: `abstract` has to hold at run time as well. */
export function refuseDirectConstruction(target: unknown, type: { readonly name: string }): void {
  if (target === type) throw new TypeError(`${type.name} is abstract: extend it`);
}
