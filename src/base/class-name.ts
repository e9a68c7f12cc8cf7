/** Gives a class or a function its own name again, which minifiers take away: it shows in texts, and users compare it. */
export function nameClass(type: { readonly name: string }, name: string): void {
  Object.defineProperty(type, 'name', { value: name, configurable: true });
}
