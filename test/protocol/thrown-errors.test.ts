/** Errors between threads, packed and over a real channel. */
import { expose, wrap } from 'comlink';
import { describe, expect, it } from 'vitest';
import { installErrorTransfer, packThrown, unpackThrown } from '../../src/protocol/thrown-errors.ts';
import { NamedError } from '../../src/shared/errors.ts';

async function thrownAcross(thrown: unknown): Promise<unknown> {
  installErrorTransfer();
  const { port1, port2 } = new MessageChannel();
  const fail = (): never => {
    throw thrown;
  };
  expose({ fail }, port1);
  const remote = wrap<{ fail: () => void }>(port2);
  try {
    await remote.fail();
    return undefined;
  } catch (error) {
    return error;
  } finally {
    port1.close();
    port2.close();
  }
}

describe('an error across threads', () => {
  it('keeps class, name, message and the chain of causes', async () => {
    const root = new TypeError('offset is out of bounds');
    const cause = new NamedError('SafetensorsError', 'bad header', { cause: root });
    const error = await thrownAcross(new NamedError('CheckpointError', 'unreadable', { cause }));
    expect(error).toBeInstanceOf(NamedError);
    expect(error).toMatchObject({
      name: 'CheckpointError',
      message: 'unreadable',
      cause: { name: 'SafetensorsError', cause: { name: 'TypeError', message: 'offset is out of bounds' } },
    });
  });

  it('keeps the name of an error that is not ours', async () => {
    const error = await thrownAcross(new RangeError('too far'));
    expect(error).toMatchObject({ name: 'RangeError', message: 'too far' });
    expect(error).not.toBeInstanceOf(NamedError);
  });

  it('turns any other thrown value into an error, even if it cannot be cloned', async () => {
    expect(await thrownAcross('plain text')).toMatchObject({ message: 'plain text' });
    const error = await thrownAcross(() => 'a function');
    expect(error).toBeInstanceOf(Error);
  });

  it('cuts circular causes', () => {
    const error = new Error('round and round');
    error.cause = error;
    expect(unpackThrown(packThrown(error)).message).toBe('round and round');
  });
});
