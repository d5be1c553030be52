import type { Key } from 'ink';
import { describe, expect, it } from 'vitest';
import { ACTIONS } from '../../../src/tui/actions/registry.ts';
import { edit, fieldOf, fieldText, insert } from '../../../src/tui/forms/form.ts';
import {
  bindKeys,
  commandTable,
  keyLabel,
  keyNames,
  keyTable,
  parseKey,
  route,
} from '../../../src/tui/keys/bindings.ts';
import { fuzzyScore, parseCommand } from '../../../src/tui/keys/palette.ts';
import { INITIAL_VIEW, withMode } from '../../../src/tui/state/view.ts';

const NO_KEY: Key = {
  upArrow: false,
  downArrow: false,
  leftArrow: false,
  rightArrow: false,
  pageDown: false,
  pageUp: false,
  home: false,
  end: false,
  return: false,
  escape: false,
  ctrl: false,
  shift: false,
  tab: false,
  backspace: false,
  delete: false,
  meta: false,
  super: false,
  hyper: false,
  capsLock: false,
  numLock: false,
};

describe('names of keys', () => {
  it('come out of what Ink reports', () => {
    expect(keyNames('', { ...NO_KEY, upArrow: true })).toEqual(['up']);
    expect(keyNames('', { ...NO_KEY, tab: true, shift: true })).toEqual(['shift+tab']);
    expect(keyNames('d', { ...NO_KEY, ctrl: true })).toEqual(['ctrl+d']);
    expect(keyNames('G', { ...NO_KEY, shift: true })).toEqual(['G']);
    expect(keyNames('x', { ...NO_KEY, meta: true })).toEqual(['alt+x']);
    expect(keyNames(' ', NO_KEY)).toEqual(['space']);
  });

  it('are taken apart when keys were typed so fast that they arrive as one', () => {
    expect(keyNames('jjka', NO_KEY)).toEqual(['j', 'j', 'k', 'a']);
    expect(keyNames('ab\r', NO_KEY)).toEqual(['a', 'b', 'enter']);
    expect(keyNames('漢e\u0301', NO_KEY)).toEqual(['漢', 'é'.normalize('NFD')]);
    expect(keyNames('\u0010\t', NO_KEY)).toEqual(['ctrl+p', 'tab']);
  });

  it('ignore releases of keys', () => {
    expect(keyNames('a', { ...NO_KEY, eventType: 'release' })).toEqual([]);
  });

  it('are read from the configuration in any spelling', () => {
    expect(parseKey('Ctrl+D')).toEqual({ key: 'ctrl+d' });
    expect(parseKey('PageDown')).toEqual({ key: 'pgdn' });
    expect(parseKey('G')).toEqual({ key: 'G' });
    expect(parseKey('+')).toEqual({ key: '+' });
    expect(parseKey('shift+tab')).toEqual({ key: 'shift+tab' });
  });

  it('are refused with a reason when a terminal cannot send them', () => {
    expect(parseKey('ctrl+i')).toEqual({ problem: 'terminals send ctrl+i as Tab' });
    expect(parseKey('F5')).toEqual({ problem: 'terminals do not report F5 dependably' });
    expect(parseKey('super+a')).toEqual({ problem: '"super" is not a modifier (ctrl, shift, alt)' });
    expect(parseKey('abc')).toEqual({ problem: '"abc" is not a key' });
  });

  it('are written for people', () => {
    expect(keyLabel('ctrl+d')).toBe('Ctrl+D');
    expect(keyLabel('down')).toBe('↓');
    expect(keyLabel('down', true)).toBe('down');
  });
});

describe('bindings', () => {
  it('give no key two meanings in one place', () => {
    const seen = new Map<string, string>();
    for (const action of ACTIONS)
      for (const scope of action.scopes)
        for (const key of action.keys) {
          const place = `${scope} ${key}`;
          expect(`${place}: ${seen.get(place) ?? action.id}`).toBe(`${place}: ${action.id}`);
          seen.set(place, action.id);
        }
  });

  it('have a unique name for each action', () => {
    expect(new Set(ACTIONS.map((action) => action.id)).size).toBe(ACTIONS.length);
  });

  it('let the operator remap keys; a default that clashes gives way', () => {
    const bindings = bindKeys({ 'pairing.approve': 'A ctrl+y', zoom: 'q' });
    expect(bindings.problems).toEqual([]);
    expect(bindings.find('pairing', 'A')?.id).toBe('pairing.approve');
    expect(bindings.find('pairing', 'ctrl+y')?.id).toBe('pairing.approve');
    expect(bindings.find('pairing', 'a')).toBeUndefined();
    expect(bindings.find('global', 'q')?.id).toBe('zoom');
  });

  it('report what cannot be bound and keep the default', () => {
    const bindings = bindKeys({ approve: 'A', 'pairing.deny': 'ctrl+m', zoom: 'n', quit: 'n' });
    expect(bindings.problems).toEqual([
      'keys.approve: there is no action of this name; did you mean pairing.approve?',
      'keys.pairing.deny: terminals send ctrl+m as Enter',
      'keys.quit: n is taken by zoom',
    ]);
    expect(bindings.find('pairing', 'd')?.id).toBe('pairing.deny');
  });
});

describe('the router', () => {
  const bindings = bindKeys();

  it('prefers the nearest place', () => {
    const sessions = route('r', { ...INITIAL_VIEW, focus: 'sessions' }, bindings);
    const adapters = route('r', { ...INITIAL_VIEW, focus: 'adapters' }, bindings);
    expect(sessions).toMatchObject({ kind: 'action', action: { id: 'session.reset' } });
    expect(adapters).toMatchObject({ kind: 'action', action: { id: 'adapter.reconnect' } });
    expect(route('?', INITIAL_VIEW, bindings)).toMatchObject({ action: { id: 'help' } });
    expect(route('§', INITIAL_VIEW, bindings)).toEqual({ kind: 'none' });
  });

  it('gives plain keys to a field while text is typed, but Ctrl+C is always the way out', () => {
    const typing = withMode(INITIAL_VIEW, { kind: 'palette', field: fieldOf(''), index: 0 });
    expect(route('q', typing, bindings).kind).toBe('mode');
    expect(route('ctrl+c', typing, bindings).kind).toBe('interrupt');
    expect(route('ctrl+l', typing, bindings)).toMatchObject({ action: { id: 'redraw' } });
  });
});

describe('a text field', () => {
  it('is edited character by character, wide and joined ones too', () => {
    let field = fieldOf('a漢e\u0301');
    field = edit(field, 'backspace') ?? field;
    expect(fieldText(field)).toBe('a漢');
    field = edit(field, 'left') ?? field;
    field = edit(field, 'space') ?? field;
    expect(fieldText(field)).toBe('a 漢');
    expect(fieldText(edit(field, 'ctrl+u') ?? field)).toBe('漢');
    expect(fieldText(edit(field, 'ctrl+k') ?? field)).toBe('a ');
    expect(fieldText(edit(fieldOf('one two'), 'ctrl+w') ?? field)).toBe('one ');
    expect(edit(field, 'pgup')).toBeUndefined();
  });

  it('takes a paste as one line without control characters', () => {
    expect(fieldText(insert(fieldOf(''), 'one\ntwo\u001b[31m'))).toBe('one two');
  });
});

describe('commands', () => {
  it('are found by the words of /gateway and keep their arguments', () => {
    expect(parseCommand('pair kq7m-2xpd')).toMatchObject({
      action: { id: 'pairing.match' },
      args: ['kq7m-2xpd'],
    });
    expect(parseCommand('task cancel bg-1')).toMatchObject({ action: { id: 'task.cancel' }, args: ['bg-1'] });
    expect(parseCommand('tasks')).toMatchObject({ action: { id: 'focus.tasks' } });
    expect(parseCommand('nonsense')).toBeUndefined();
  });

  it('cover every word of /gateway', () => {
    const words = commandTable().map((row) => row.words.split(' ')[0]);
    for (const word of ['start', 'stop', 'status', 'restart', 'pair', 'allow', 'sessions', 'tasks', 'config'])
      expect(words).toContain(word);
    for (const word of ['revoke', 'deny', 'task', 'session', 'adapter', 'doctor'])
      expect(words).toContain(word);
  });

  it('match by a few letters in order, whole words first', () => {
    expect(fuzzyScore('sr', 'session reset')).toBeGreaterThan(fuzzyScore('sr', 'users') ?? 0);
    expect(fuzzyScore('status', 'status')).toBeGreaterThan(fuzzyScore('status', 'set all units') ?? -99);
    expect(fuzzyScore('xyz', 'status')).toBeUndefined();
  });
});

describe('the key table', () => {
  it('has a sentence for every key of the registry', () => {
    const table = keyTable();
    for (const action of ACTIONS)
      if (action.keys.length > 0) expect(table.map((row) => row.help)).toContain(action.help);
    for (const row of table) expect(row.help).toMatch(/^[A-Z].*\.$/u);
  });

  it('follows remapped keys', () => {
    const row = keyTable(bindKeys({ 'pairing.approve': 'A' })).find((entry) =>
      entry.help.startsWith('Approve the'),
    );
    expect(row).toMatchObject({ keys: 'A', scope: 'Pairing' });
  });
});
