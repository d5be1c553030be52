import { describe, expect, it } from 'vitest';
import { readTokens, UsageError } from '../../src/cli/arguments.ts';
import { readArguments } from '../../src/cli/views.ts';

describe('the command line', () => {
  it('takes a value after a space or an equals sign', () => {
    expect(readArguments(['--port', '1']).port).toBe(1);
    expect(readArguments(['--data-dir=/a=b']).dataDir).toBe('/a=b');
  });

  it('keeps "--no-agent" apart from "--agent <backend>"', () => {
    const both = readArguments(['--no-agent', '--agent', 'pi-sdk', '--no-tui']);
    expect(both).toMatchObject({ noAgent: true, agent: 'pi-sdk', noTui: true });
    expect(readArguments([])).toMatchObject({ noAgent: false, noTui: false, agent: undefined });
  });

  it('takes flags before, between and after words, and nothing as a flag after --', () => {
    const args = readArguments(['--json', 'send', 'telegram', '--port', '4', '12', '--', '--demo', '-x']);
    expect(args).toMatchObject({ command: 'send', json: true, port: 4, demo: false });
    expect(args.rest).toEqual(['telegram', '12', '--demo', '-x']);
  });

  it('keeps words that look like numbers as they are', () => {
    expect(readArguments(['allow', 'telegram', '0012']).rest).toEqual(['telegram', '0012']);
    expect(readArguments(['send', 'telegram', '-']).rest).toEqual(['telegram', '-']);
  });

  it('takes ids that begin with a dash', () => {
    expect(readArguments(['send', 'telegram', '-1001234567890', 'hi']).rest).toEqual([
      'telegram',
      '-1001234567890',
      'hi',
    ]);
    expect(readArguments(['send', 'websocket', '-QyRk9', '- one\n- two']).rest).toEqual([
      'websocket',
      '-QyRk9',
      '- one\n- two',
    ]);
    expect(readArguments(['revoke', 'telegram', '-5', '--json'])).toMatchObject({ json: true });
  });

  it('knows the two short flags', () => {
    expect(readArguments(['-h']).help).toBe(true);
    expect(readArguments(['-v']).version).toBe(true);
  });

  it.each([
    [['--prot', '1'], 'Did you mean --port?'],
    [['-p'], 'unknown flag -p'],
    [['--port'], '--port needs a value'],
    [['--port', '--json'], '--port needs a value'],
    [['--json=yes'], '--json takes no value'],
    [['--port', 'x'], '"x" is not a port'],
    [['--port='], '"" is not a port'],
    [['--port', '65536'], 'from 0 to 65535'],
    [['--agent', 'gpt'], 'is not one of auto, pi-rpc, pi-sdk, scripted'],
    [['stats'], 'Did you mean status?'],
    [['status', '--fall-back'], '--fall-back is a flag of the start of the gateway'],
    [['--force'], '--force is a flag of restore and service'],
    [['export', 'x', '--minutes', '5'], '--minutes is a flag of prove'],
    [['status', 'extra'], 'status takes no words: unexpected "extra"'],
    [['status', 'json'], 'Did you mean --json?'],
    [['sessions', 'tasks'], 'Did you mean pi-gateway-tui tasks?'],
    [['pair', 'a', 'b', 'c'], 'unexpected "c"'],
    [['doctor', 'telegram', 'extra'], 'unexpected "extra"'],
  ])('refuses %j and says why', (argv, words) => {
    expect(() => readArguments(argv)).toThrow(UsageError);
    expect(() => readArguments(argv)).toThrow(words);
  });

  it('takes the last of a repeated flag', () => {
    expect(readTokens(['--host', 'a', '--host', 'b']).values.get('host')).toBe('b');
  });
});
