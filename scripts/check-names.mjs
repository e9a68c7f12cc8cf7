// Errors, `toString()` and inspections show class names, and bundlers rename classes: this checks that every exported
// class and function of the built package has its exported name.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isMain, read, ROOT } from './lib.mjs';

async function checkNames() {
  const problems = [];
  let count = 0;
  for (const [entry, target] of Object.entries(JSON.parse(read('package.json')).exports)) {
    if (target.import === undefined) continue;
    const module = await import(pathToFileURL(join(ROOT, target.import.default)).href);
    for (const [name, value] of Object.entries(module)) {
      // Two further names of an export, for `import` and for `require`.
      if (typeof value !== 'function' || name === 'default' || name === 'module.exports') continue;
      count += 1;
      if (value.name !== name) problems.push(`${entry}: ${name} is called ${JSON.stringify(value.name)}`);
    }
  }
  return { problems, count };
}

if (isMain(import.meta.url)) {
  const { problems, count } = await checkNames();
  for (const problem of problems) console.error(problem);
  console.log(`${count} exported names, ${problems.length} problems`);
  process.exitCode = problems.length === 0 && count > 0 ? 0 : 1;
}
