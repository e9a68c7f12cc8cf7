// Writes the arguments of a command as a labelled tuple type.

/**
 * The tuple has one element for each required argument; the first optional or repeated one becomes the rest element.
 * Every element is a `RedisValue`, so only the labels and the least number of elements matter.
 * @param {import('./facts.mjs').Argument[]} list
 * @param {boolean} variable whether the server takes any number of words, whatever the list says
 * @returns {{ tuple: string, fixed: number, numkeys: number }} `fixed`: the number of elements before the options;
 *   `numkeys`: the index of the number of keys that precede the options, else -1.
 */
export function argumentsType(list, variable = false) {
  const [last] = list.slice(-1);
  const elements = [];
  const names = new Map();
  let rest = -1;
  let numkeys = -1;
  const add = (name) => elements.push(unique(label(name), names));
  const addRest = (name) => {
    if (rest >= 0) return;
    rest = elements.length;
    elements.push(unique(name, names));
  };
  const walk = (argument) => {
    if (argument.optional) {
      if (rest < 0 && argument === last && isSimple(argument)) {
        elements.push(`${unique(label(argument.name), names)}?`);
        rest = elements.length;
      } else {
        addRest('options');
      }
      return;
    }
    if (argument.name === 'numkeys' && rest < 0) numkeys = elements.length;
    if (argument.type === 'oneof') {
      const shortest = argument.arguments.reduce((a, b) => (sizeOf(b) < sizeOf(a) ? b : a));
      if (argument.token !== undefined) add(`${argument.token}-token`);
      if (sizeOf(shortest) === 1) add(argument.name);
      else walk(shortest);
      if (argument.arguments.some((one) => sizeOf(one) > sizeOf(shortest) || one.multiple)) addRest('more');
      return;
    }
    if (argument.type === 'pure-token') return void add(argument.name);
    if (argument.token !== undefined) add(`${argument.token}-token`);
    if (argument.type === 'block') argument.arguments.forEach(walk);
    else add(argument.name);
    if (argument.multiple) addRest(argument.type === 'block' ? 'more' : plural(label(argument.name)));
  };
  list.forEach(walk);
  if (variable) addRest('more');
  const types = elements.map((name, index) => {
    if (index === rest && !name.endsWith('?')) return `...${name}: RedisValue[]`;
    return `${name}: RedisValue`;
  });
  return { tuple: `[${types.join(', ')}]`, fixed: rest < 0 ? elements.length : rest, numkeys };
}

/** True if the argument is always exactly one value. */
function isSimple({ type, token, multiple, arguments: inner }) {
  return token === undefined && !multiple && inner === undefined && type !== 'pure-token';
}

/** The least number of words of an argument. */
function sizeOf({ type, token, optional, arguments: inner }) {
  if (optional) return 0;
  const own = token === undefined || type === 'pure-token' ? 0 : 1;
  if (inner === undefined) return own + 1;
  const sizes = inner.map(sizeOf);
  return own + (type === 'oneof' ? Math.min(...sizes) : sizes.reduce((sum, size) => sum + size, 0));
}

function label(name) {
  const words = name
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '');
  const text = words
    .map((word, index) => (index === 0 ? word : word[0].toUpperCase() + word.slice(1)))
    .join('');
  return /^[a-z]/.test(text) ? text : `value${text}`;
}

function plural(name) {
  return name.endsWith('s') || name.endsWith('x')
    ? `more${name[0].toUpperCase()}${name.slice(1)}`
    : `${name}s`;
}

function unique(name, names) {
  const count = (names.get(name) ?? 0) + 1;
  names.set(name, count);
  return count === 1 ? name : `${name}${count}`;
}
