/** A composed gateway, its real adapters pointed at local platform servers, and a scripted agent. */
import { expect, vi } from 'vitest';
import type { RunningGateway } from '../../src/compose.ts';
import type { AdapterView, ChatRef, Platform } from '../../src/gateway/model.ts';
import type { OperatorSnapshot } from '../../src/gateway/operator/operator.ts';
import type { BotMessage, ContractPeer, UserMessage } from '../adapters/contract/peer.ts';
import { composePlatforms } from './compose-platforms.ts';

export const PATIENT = { timeout: 45_000, interval: 25 };

type StatusRow = Pick<AdapterView, 'platform' | 'state' | 'detail' | 'nextStep'>;

export class PlatformGateway {
  readonly peers: readonly ContractPeer[];
  readonly running: RunningGateway;
  readonly log: readonly string[];

  constructor(peers: readonly ContractPeer[], running: RunningGateway, log: readonly string[]) {
    this.peers = peers;
    this.running = running;
    this.log = log;
  }

  async connected(): Promise<void> {
    await this.running.connect();
    const { adapters } = this.running.gateway;
    await vi.waitFor(
      () => {
        for (const { platform } of this.peers)
          expect(adapters.view(platform).state, `${platform}: ${adapters.view(platform).detail}`).toBe(
            'connected',
          );
      },
      { ...PATIENT, timeout: 90_000 },
    );
  }

  snapshot(): OperatorSnapshot {
    return this.running.operator({ name: 'test', surface: 'api' }).snapshot();
  }

  /** What `GET /api/status` says about a platform. */
  async status(platform: Platform): Promise<StatusRow | undefined> {
    const response = await fetch(`http://127.0.0.1:${this.running.port}/api/status`, {
      headers: { authorization: `Bearer ${this.running.operatorToken}` },
    });
    const body = (await response.json()) as { adapters: readonly StatusRow[] };
    return body.adapters.find((row) => row.platform === platform);
  }

  /** Nothing is waiting to be sent, and no turn runs. */
  async quiet(): Promise<void> {
    const { gateway } = this.running;
    await vi.waitFor(() => {
      expect(gateway.outbox.pending).toBe(0);
      expect(gateway.conversations.views().filter(({ state }) => state === 'running')).toEqual([]);
    }, PATIENT);
  }
}

/** What a reader of the chat sees of the bot now. */
export function visible(peer: ContractPeer, chat: ChatRef): readonly BotMessage[] {
  return peer.sent(chat).filter((message) => !message.deleted);
}

/** Answers of the scripted agent to exactly this text, complete ones. */
export function answersTo(peer: ContractPeer, asked: UserMessage, text: string): readonly BotMessage[] {
  return visible(peer, asked.chat).filter(
    (message) => message.text.includes('You said:') && message.text.includes(text),
  );
}

/**
 * Runs `body` over a gateway with all these platforms connected. Everybody is let in. Fails when a line that was
 * logged, or the operator's snapshot, contains a secret of any of them.
 */
export async function withPlatformGateway(
  peers: readonly ContractPeer[],
  body: (rig: PlatformGateway) => Promise<void>,
): Promise<void> {
  const { running, log, stop } = await composePlatforms(peers);
  const rig = new PlatformGateway(peers, running, log);
  try {
    await rig.connected();
    await body(rig);
    const told = [...log, JSON.stringify(rig.snapshot())];
    for (const secret of [running.operatorToken, ...peers.flatMap((peer) => peer.secrets)])
      expect(told.filter((line) => line.includes(secret))).toEqual([]);
  } catch (error) {
    if (error instanceof Error) error.message += `\nlast lines of the log:\n${log.slice(-40).join('\n')}`;
    throw error;
  } finally {
    await stop();
  }
}
