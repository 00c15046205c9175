import { execFile } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { findChromium } from '../../scripts/chromium.mjs';
import { ROOT, runNode } from '../../scripts/run.mjs';
import { serve } from '../../scripts/serve.mjs';

/** Runs `npm start`'s script with some variables; it is expected to end at once. */
function start(variables: Record<string, string>): Promise<{ code: unknown; stderr: string }> {
  return new Promise((resolve) => {
    const env = { ...process.env, ...variables };
    execFile(process.execPath, ['scripts/start.mjs'], { cwd: ROOT, env, timeout: 300_000 }, (error, _, stderr) => {
      resolve({ code: error?.code, stderr });
    });
  });
}

describe('npm start', () => {
  it.each(['abc', '70000', '-1', '51.5'])('says that PORT=%s is not a port number', async (port) => {
    const { code, stderr } = await start({ PORT: port });
    expect(code).toBe(1);
    expect(stderr).toContain(`PORT is "${port}", which is not a port number`);
  });

  it('says that a port is taken', async () => {
    const { port, close } = await serve({ root: ROOT, port: 0 });
    const { code, stderr } = await start({ PORT: String(port) });
    await close();
    expect(code).toBe(1);
    expect(stderr).toContain(`Port ${port} is taken`);
  });
});

describe('a script that runs others', () => {
  it('kills a program that takes too long, with its children', async () => {
    const child =
      "require('node:child_process').spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60000)'], {stdio:'inherit'})";
    const result = await runNode('-e', [`${child}; setTimeout(() => {}, 60000)`], { output: 'capture', limitMs: 500 });
    expect(result.timedOut).toBe(true); // and the pipe is closed, which the child held open
  });

  it('passes the exit status and the output on', async () => {
    const result = await runNode('-e', ["console.log('out'); console.error('err'); process.exit(3)"], {
      output: 'capture',
    });
    expect(result).toMatchObject({ code: 3, timedOut: false });
    expect(result.output.split('\n').toSorted()).toEqual(['', 'err', 'out']);
  });

  it('says when CHROMIUM_PATH is not a program', () => {
    const before = process.env['CHROMIUM_PATH'];
    process.env['CHROMIUM_PATH'] = '/no/such/program';
    try {
      expect(() => findChromium()).toThrow('CHROMIUM_PATH is "/no/such/program"');
    } finally {
      if (before === undefined) delete process.env['CHROMIUM_PATH'];
      else process.env['CHROMIUM_PATH'] = before;
    }
  });
});
