/** Restores the name of a class or function that minifiers change: texts show it, and users compare it. */
export function nameClass(type: { readonly name: string }, name: string): void {
  Object.defineProperty(type, 'name', { value: name, configurable: true });
}

/** Throws if `target` (`new.target`) is the abstract class itself: `abstract` must hold at run time as well. */
export function refuseDirectConstruction(target: unknown, type: { readonly name: string }): void {
  if (target === type) throw new TypeError(`${type.name} is abstract: extend it`);
}

/**
 * Lets `made` inherit the methods of `base` without `super()`, for objects made with every call: V8 never inlines a
 * constructor reached by `super()`, and that call costs as much as all fields. The constructor of `made` must set every
 * field itself: a shared function that sets them makes each object 24 bytes larger. It must have no #private names,
 * because V8 adds each with a separate store.
 */
export function takeMethods(made: { prototype: object }, base: { prototype: object }): void {
  Object.setPrototypeOf(made.prototype, base.prototype);
}
