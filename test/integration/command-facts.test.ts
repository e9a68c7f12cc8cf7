// The committed facts of commands, compared with every server at hand; what is new is listed.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { allServers } from '../support/servers.ts';

interface Facts {
  readonly name: string;
  readonly from: string;
}
interface Scripts {
  readFacts(): Map<string, Facts>;
  generatedFiles(facts: Map<string, Facts>): Map<string, string>;
  askServer(binary: string): Promise<{ name: string; facts: Map<string, Facts> }>;
}

const ROOT = process.env['RESPOOL_ROOT'] ?? process.cwd();
async function scripts(): Promise<Scripts> {
  const parts = ['facts', 'render', 'server'].map(
    (name) => import(pathToFileURL(join(ROOT, `scripts/commands/${name}.mjs`)).href) as Promise<object>,
  );
  return Object.assign({}, ...(await Promise.all(parts))) as Scripts;
}

it('the generated files match the committed facts', async () => {
  const { readFacts, generatedFiles } = await scripts();
  const bare = (text: string): string => text.replaceAll(/\s+/g, ' ');
  for (const [path, text] of generatedFiles(readFacts()))
    assert.equal(bare(readFileSync(join(ROOT, path), 'utf8')), bare(text), path);
});

for (const { path, kind, version } of await allServers()) {
  it(`the facts hold every command of ${kind} ${version}`, async (context) => {
    const { readFacts, askServer } = await scripts();
    const known = readFacts();
    const { name, facts } = await askServer(path);
    const unknown = [...facts.keys()].filter((command) => !known.has(command));
    const changed = [...facts.values()].filter(
      (fact) =>
        known.get(fact.name)?.from === name && JSON.stringify(known.get(fact.name)) !== JSON.stringify(fact),
    );
    context.diagnostic(
      `${facts.size} commands, ${unknown.length} new${unknown.map((one) => `, ${one}`).join('')}`,
    );
    assert.deepEqual(
      changed.map((fact) => fact.name),
      [],
    );
    // A module of the machine may bring commands of its own; the server itself must not.
    assert.deepEqual(
      unknown.filter((command) => !command.includes('.')),
      [],
    );
  });
}
