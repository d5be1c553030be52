import { describe, expect, it } from 'vitest';
import { ConfigAccess } from '../../../src/gateway/config/access.ts';
import type { CommandResult, OperatorCommand } from '../../../src/gateway/operator/operator.ts';
import { FIRST_STEP } from '../../../src/tui/forms/setup.ts';
import { adapterView, gatewayView, NOW, pairingView, snapshotOf } from '../fixtures.ts';
import { type Harness, type HarnessOptions, harness } from '../harness.ts';

const DISABLED = (['telegram', 'discord', 'slack', 'whatsapp', 'twitch', 'websocket'] as const).map(
  (platform) => adapterView({ platform, state: 'disabled', detail: 'not enabled' }),
);

function first(options: HarnessOptions = {}): Harness {
  const h = harness({
    snapshot: snapshotOf({ adapters: DISABLED }),
    queries: { config: new ConfigAccess('/nonexistent/config.json').values() },
    answer: answers,
    ...options,
  });
  h.controller.open(FIRST_STEP);
  return h;
}

function answers(command: OperatorCommand): CommandResult {
  if (command.type === 'adapter.check')
    return { message: '', data: { ok: true, findings: ['The bot is @mybot (id 7).'] } };
  if (command.type === 'pairing.invite')
    return { message: '', data: { id: 'i7', code: 'KQ7M-2XPD', expiresAt: NOW + 3_600_000 } };
  return { message: 'platforms.telegram is stored' };
}

const screen = (h: Harness): string => h.text(100, 30).join('\n');

describe('the first run', () => {
  it('leads from the agent over a platform and its token to how people get in', async () => {
    const h = first();
    expect(screen(h)).toContain('1 of 3  the agent');
    expect(screen(h)).toContain('pi 0.87.1');
    h.press('enter');
    expect(screen(h)).toMatch(/▸ telegram +needs a bot token/u);
    h.press('enter');
    await h.settle();
    expect(screen(h)).toContain('@BotFather');
    h.controller.paste('1:TOKEN');
    h.press('enter');
    await h.settle();
    await h.settle();
    expect(h.operator.commands).toEqual([
      { type: 'adapter.check', platform: 'telegram', settings: { token: '1:TOKEN', enabled: true } },
      { type: 'config.set', key: 'platforms.telegram', value: { token: '1:TOKEN', enabled: true } },
    ]);
    expect(screen(h)).toContain('3 of 3  who has access');
    expect(screen(h)).toContain('The bot is @mybot (id 7).');
    h.operator.push({ type: 'adapter', adapter: adapterView() });
    h.timers.advance(300);
    expect(screen(h)).toContain('Write a direct message to @mybot on telegram.');
    expect(screen(h)).not.toContain('1:TOKEN');
  });

  it('says what to do when pi has no model, and goes on all the same', () => {
    const agent = {
      ...gatewayView().agent,
      ok: false,
      detail: 'no model is configured',
      hint: 'Run pi and /login.',
    };
    const h = first({ snapshot: snapshotOf({ adapters: DISABLED, gateway: gatewayView({ agent }) }) });
    expect(screen(h)).toContain('✕ no model is configured');
    expect(screen(h)).toContain('Run pi and /login.');
    h.press('c');
    expect(h.operator.commands).toEqual([{ type: 'doctor' }]);
    h.press('enter');
    expect(screen(h)).toContain('2 of 3');
  });

  it('can be skipped with Esc at every step, and leaves everything as it was', async () => {
    for (const keys of ['esc', 'enter esc', 'enter q', 'enter h esc']) {
      const h = first();
      h.press(keys);
      expect(h.controller.view.modes).toEqual([]);
      expect(h.operator.commands).toEqual([]);
      expect(h.text(100, 30).at(-1)).toContain(': setup opens it again');
    }
    const h = first();
    h.press('enter enter');
    await h.settle();
    h.press('esc');
    expect(screen(h)).toContain('2 of 3');
  });

  it('gives way to whoever goes on with the panes: every key does what it always does', async () => {
    const h = first({ snapshot: snapshotOf({ adapters: DISABLED, pairing: [pairingView('p1')] }) });
    expect(h.text(120, 40).join('\n')).toContain('KQ7M-2XPD');
    h.press('4 a');
    await h.settle();
    expect(h.operator.commands).toEqual([{ type: 'pairing.approve', requestId: 'p1' }]);
    const other = first();
    other.press('q');
    expect(other.effects.left).toEqual(['quit']);
  });

  it('needs nothing for the WebSocket', async () => {
    const h = first();
    h.press('enter 6 enter');
    await h.settle();
    expect(h.operator.commands).toEqual([
      { type: 'config.set', key: 'platforms.websocket', value: { enabled: true } },
    ]);
    expect(screen(h)).toContain('pi-gateway-tui chat');
  });

  it('asks for every token that a platform needs before it tries them', async () => {
    const h = first();
    h.press('enter 3 enter');
    await h.settle();
    h.type('xoxb-1');
    h.press('enter');
    expect(h.operator.commands).toEqual([]);
    expect(screen(h)).toMatch(/▸ appToken/u);
    h.type('xapp-1');
    h.press('enter');
    await h.settle();
    expect(h.operator.commands[0]).toMatchObject({ settings: { botToken: 'xoxb-1', appToken: 'xapp-1' } });
  });

  it('names the same steps as commands for a shell', () => {
    const h = first();
    expect(screen(h)).toContain('pi-gateway-tui doctor');
    h.press('enter');
    expect(screen(h)).toContain('pi-gateway-tui config set platforms.telegram.token -');
    expect(screen(h)).toContain('pi-gateway-tui doctor telegram');
  });

  it('is opened again by its word', () => {
    const h = harness();
    h.press(':');
    h.type('setup');
    h.press('enter');
    expect(screen(h)).toContain('1 of 3  the agent');
  });
});

describe('the own phone', () => {
  it('gets a code as QR and link where the platform has one, and says how it is used', async () => {
    const account = { id: 'w', name: '+44 7700 900123' };
    const adapters = [adapterView(), adapterView({ platform: 'whatsapp', account })];
    const h = harness({ answer: answers, snapshot: snapshotOf({ adapters }) });
    h.press('4 p');
    await h.settle();
    const text = h.text(120, 40).join('\n');
    expect(text).toContain('KQ7M-2XPD');
    expect(text).toContain('https://t.me/mybot?start=KQ7M-2XPD');
    expect(text).toContain('▄▄▄▄▄ █');
    h.press('n');
    expect(h.text(120, 40).join('\n')).toContain('https://wa.me/447700900123?text=KQ7M-2XPD');
  });

  it('offers the link when the QR code does not fit', async () => {
    const h = harness({ answer: answers });
    h.press('4 p');
    await h.settle();
    const text = h.text(80, 24).join('\n');
    expect(text).toContain('The QR code needs');
    expect(text).toContain('https://t.me/mybot?start=KQ7M-2XPD');
  });

  it('closes when somebody comes in with that code, not when somebody else is approved', async () => {
    const h = harness({ answer: answers });
    h.press('4 p');
    await h.settle();
    const guest = {
      platform: 'telegram',
      userId: '1',
      name: 'Olga',
      addedAt: NOW,
      origin: 'pairing',
    } as const;
    h.operator.push({ type: 'allowlist', entry: guest });
    h.timers.advance(300);
    expect(h.text(120, 40).join('\n')).toContain('Pair my phone');
    h.operator.push({ type: 'allowlist', entry: { ...guest, userId: '2', note: 'invitation i7' } });
    h.timers.advance(300);
    expect(h.text(120, 40).join('\n')).not.toContain('Pair my phone');
    expect(h.text(120, 40).at(-1)).toContain('Olga (telegram 2) is approved');
  });

  it('is gone when its hour is over', async () => {
    const h = harness({ answer: answers });
    h.press('4 p');
    await h.settle();
    expect(h.text(120, 40).join('\n')).toContain('one person');
    for (let minute = 0; minute < 61; minute += 1) {
      h.timers.advance(60_000);
      h.store.flush();
    }
    expect(h.text(120, 40).join('\n')).not.toContain('KQ7M-2XPD\n');
    expect(h.controller.view.modes).toEqual([]);
  });
});
