import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import {
  AbstractCredentialProvider,
  UserPassCredentialProvider,
} from '../../../src/interfaces/credential-provider.ts';

describe('credential providers', () => {
  it('a credential provider is abstract at run time', () => {
    const Direct = AbstractCredentialProvider as unknown as new () => AbstractCredentialProvider;
    assert.throws(() => new Direct(), TypeError);
  });

  it('users can write a credential provider', async () => {
    class Rotating extends AbstractCredentialProvider {
      getCredentials(): Promise<{ username: string; password: string }> {
        return Promise.resolve({ username: 'u', password: 'p' });
      }
    }
    assert.deepEqual(await new Rotating().getCredentials(), { username: 'u', password: 'p' });
  });

  for (const [given, username, password] of [
    [[], 'default', ''],
    [['u'], 'u', ''],
    [[undefined, 'p'], 'default', 'p'],
    [[null, null], 'default', ''],
    [['u', 'p'], 'u', 'p'],
  ] as const) {
    it(`a provider answers ${JSON.stringify(given)} with ${username} and a password of ${password.length}`, async () => {
      assert.deepEqual(await new UserPassCredentialProvider(...given).getCredentials(), {
        username,
        password,
      });
    });
  }

  it('credentials that are no text are refused', () => {
    assert.throws(() => new UserPassCredentialProvider(1 as unknown as string), TypeError);
    assert.throws(() => new UserPassCredentialProvider('u', {} as string), TypeError);
  });

  it('a credential provider never shows its password', () => {
    const provider = new UserPassCredentialProvider('u', 'canary');
    for (const shown of [
      inspect(provider, { showHidden: true }),
      JSON.stringify(provider),
      String(provider),
    ]) {
      assert.ok(!shown.includes('canary'), shown);
    }
    assert.match(inspect(provider), /UserPassCredentialProvider<u>/);
  });
});
