/** Gives a class or a function its own name again, which minifiers take away: it shows in texts, and users compare it. */
export function nameClass(type: { readonly name: string }, name: string): void {
  Object.defineProperty(type, 'name', { value: name, configurable: true });
}

/** Called in the constructor of an abstract class: `abstract` has to hold at run time as well. */
export function refuseDirectConstruction(target: unknown, type: { readonly name: string }): void {
  if (target === type) throw new TypeError(`${type.name} is abstract: extend it`);
}

/**
 * Makes `made` a kind of `base` without `super()`, for what is made with every call: the engine never puts a
 * constructor that is reached by `super()` in line, and the call costs as much as all fields. Such a constructor writes
 * every field out, for an object has room for those that its constructor names: a function that both call to set them
 * makes each larger by 24 bytes. No #private names there either: each is added to the object by a store of its own.
 */
export function takeMethods(made: { prototype: object }, base: { prototype: object }): void {
  Object.setPrototypeOf(made.prototype, base.prototype);
}
