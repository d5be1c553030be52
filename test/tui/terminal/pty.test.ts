/** The console as a program of its own in a pseudo-terminal: signals, restore, suspend, a terminal that goes away. */
import { chmodSync, existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type IPty, spawn } from '@lydell/node-pty';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { bundleProgram } from '../programs/build.ts';
import { VirtualTerminal } from '../virtual-terminal.ts';

const PATIENCE = { timeout: 20_000, interval: 25 };

let program = '';
const open: IPty[] = [];

beforeAll(async () => {
  program = await bundleProgram('demo-console');
}, 60_000);

afterEach(() => {
  for (const pty of open.splice(0))
    try {
      pty.kill('SIGKILL');
    } catch {
      // It has ended already.
    }
});

interface Program {
  readonly pty: IPty;
  readonly terminal: VirtualTerminal;
  exit(): Promise<number>;
  shows(expected: string): Promise<void>;
}

function environment(extra: Readonly<Record<string, string>>): Record<string, string> {
  return { PATH: process.env['PATH'] ?? '', HOME: '/tmp', TERM: 'xterm-256color', LANG: 'C.UTF-8', ...extra };
}

interface StartOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
  readonly shell?: boolean;
}

function start({ env = {}, args = [], shell = false }: StartOptions = {}): Program {
  const terminal = new VirtualTerminal(120, 40);
  const [file, words] = shell
    ? ['/bin/bash', ['--norc', '--noprofile', '-i']]
    : [process.execPath, [program, ...args]];
  const name = env['TERM'] ?? 'xterm-256color';
  const pty = spawn(file, words, { cols: 120, rows: 40, env: environment(env), name });
  open.push(pty);
  pty.onData((data) => terminal.write(data));
  let code: number | undefined;
  pty.onExit(({ exitCode, signal }) => {
    code = signal === undefined || signal === 0 ? exitCode : 128 + signal;
  });
  return {
    pty,
    terminal,
    exit: () =>
      vi.waitFor(() => {
        if (code === undefined) throw new Error(`still running:\n${terminal.text()}`);
        return code;
      }, PATIENCE),
    shows: (expected) =>
      vi.waitFor(async () => {
        await terminal.drawn();
        if (terminal.drawing) throw new Error('a frame is only half there');
        if (!terminal.text().includes(expected)) throw new Error(`no ${expected} in:\n${terminal.text()}`);
      }, PATIENCE),
  };
}

/** What a shell expects to find: main screen, cursor, no mouse, paste or focus reports. */
function expectRestored(terminal: VirtualTerminal): void {
  expect(terminal.alternate).toBe(false);
  expect(terminal.cursorHidden).toBe(false);
  for (const mode of ['2004', '1004', '1049', '2026']) {
    const on = terminal.raw.lastIndexOf(`\u001b[?${mode}h`);
    expect(terminal.raw.lastIndexOf(`\u001b[?${mode}l`), `mode ${mode}`).toBeGreaterThanOrEqual(on);
  }
}

describe('in a pseudo-terminal', () => {
  it('quits with q when nothing runs, exits 0 and restores the terminal', async () => {
    const { pty, terminal, exit, shows } = start({ env: { DEMO_SCENE: 'empty' } });
    await shows('5 Log');
    pty.write('q');
    expect(await exit()).toBe(0);
    await shows('left: quit');
    expectRestored(terminal);
  });

  it('asks before it quits while work runs; Ctrl+C twice does not ask', async () => {
    const { pty, exit, shows } = start();
    await shows('5 Log');
    pty.write('q');
    await shows('Quit the gateway?');
    pty.write('\u001b');
    await shows('a approve');
    pty.write('\u0003\u0003');
    expect(await exit()).toBe(0);
    await shows('left: quit');
  });

  it.each(['SIGTERM', 'SIGINT'])('leaves on %s and restores the terminal', async (signal) => {
    const { pty, terminal, exit, shows } = start();
    await shows('5 Log');
    pty.kill(signal);
    expect(await exit()).toBe(0);
    await shows('left: signal');
    expectRestored(terminal);
  });

  it('leaves on SIGHUP without writing to the terminal any more', async () => {
    const out = join(mkdtempSync(join(tmpdir(), 'console-')), 'reason');
    const { pty, exit, shows } = start({ env: { DEMO_OUT: out } });
    await shows('5 Log');
    pty.kill('SIGHUP');
    expect(await exit()).toBe(0);
    expect(readFileSync(out, 'utf8')).toBe('terminal-lost');
  });

  it('leaves when the terminal is closed, instead of failing or spinning', async () => {
    const out = join(mkdtempSync(join(tmpdir(), 'console-')), 'reason');
    const { pty, shows } = start({ env: { DEMO_OUT: out, DEMO_RATE: '200' } });
    await shows('5 Log');
    const { pid } = pty;
    // Closes the master side; the kernel hangs up and every later write fails with EIO.
    if ('destroy' in pty && typeof pty.destroy === 'function') pty.destroy();
    await vi.waitFor(() => {
      if (existsSync(`/proc/${pid}`)) throw new Error('still running');
    }, PATIENCE);
    expect(readFileSync(out, 'utf8')).toBe('terminal-lost');
  });

  it('prints the stack of an uncaught error after the restore and exits 1', async () => {
    const { terminal, exit, shows } = start({ env: { DEMO_CRASH: '500' } });
    expect(await exit()).toBe(1);
    await shows('Error: demo crash');
    expectRestored(terminal);
  });

  it('restores the terminal when drawing throws, and rejects with that error', async () => {
    const { terminal, exit, shows } = start({ env: { DEMO_THROW: '500' } });
    expect(await exit()).toBe(1);
    await shows('failed: ');
    expectRestored(terminal);
  });

  it('is interactive although a CI variable is set', async () => {
    const { pty, exit, shows } = start({ env: { CI: 'true' } });
    await shows('┌ 5 Log 40');
    pty.write('2');
    await shows('i write');
    pty.write('\u0003\u0003');
    expect(await exit()).toBe(0);
  });

  it('follows a new size', async () => {
    const { pty, terminal, shows } = start();
    await shows('5 Log');
    terminal.resize(80, 24);
    pty.resize(80, 24);
    await shows('─ 5 Log 40');
    terminal.resize(30, 8);
    pty.resize(30, 8);
    await shows('Needs 40x10');
    terminal.resize(200, 54);
    pty.resize(200, 54);
    await shows('┌ 5 Log 40');
  });

  it('sleeps with Ctrl+Z and comes back with fg, drawn anew', async () => {
    const { pty, terminal, shows } = start({ shell: true });
    // The shell's own paste mode is not ours to check.
    pty.write(`bind 'set enable-bracketed-paste off'; ${process.execPath} ${program}\r`);
    await shows('┌ 5 Log 40');
    pty.write('\u001a');
    await shows('Stopped');
    expectRestored(terminal);
    pty.write('echo shell is $((40+2))\r');
    await shows('shell is 42');
    pty.write('fg\r');
    await shows('┌ 5 Log 40');
    expect(terminal.alternate).toBe(true);
    pty.write('2');
    await shows('i write');
    pty.write('\u0003\u0003');
    await shows('left: quit');
  });

  it('gives the log and the transcript to the pager and comes back', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'console-'));
    const pager = join(folder, 'pager');
    writeFileSync(
      pager,
      '#!/bin/sh\necho "PAGER: $(grep -c . "$1") lines"; grep -m1 -o "line 7\\|Please refactor" "$1"; read x\n',
    );
    chmodSync(pager, 0o755);
    const { pty, terminal, shows } = start({ env: { PAGER: pager } });
    await shows('5 Log');
    pty.write('5v');
    await shows('PAGER: 40 lines');
    await shows('line 7');
    expect(terminal.alternate).toBe(false);
    pty.write('\r');
    await shows('┌ 5 Log 40');
    pty.write('2\r');
    await shows('Please refactor the engine.');
    pty.write('v');
    await shows('PAGER: 12 lines');
    pty.write('\r');
    await shows('following');
    pty.write('\u0003\u0003');
    await shows('left: quit');
  });

  it('sends what libraries print to the log pane, not over the screen', async () => {
    const { pty, shows } = start();
    await shows('5 Log');
    pty.write('4a');
    await shows('stderr     command {"type":"pairing.approve"');
    await shows('u undo');
    pty.write('\u0003\u0003');
    // After the end the streams are free again.
    await shows('left: quit');
  });

  it('sends no escape sequence to a dumb terminal: lines and numbered choices', async () => {
    const { pty, terminal, exit, shows } = start({ env: { TERM: 'dumb' } });
    await shows('Choose: 1 Adapters');
    pty.write('4');
    await shows('Choose a row');
    pty.write('1');
    await shows('1 approve');
    pty.write('1');
    await shows('is approved');
    pty.write('\u0003\u0003');
    expect(await exit()).toBe(0);
    expect(terminal.raw).not.toContain('\u001b');
  });
});
