import type { RawData, WebSocket } from 'ws';
import { isNonce, type Nonces, newNonce, proofOf, proves, Seal } from './operator-proof.ts';

/** Handshakes at once; one more ends the oldest. They hold nothing but a socket. */
const HANDSHAKES = 256;
const HANDSHAKE_MS = 5_000;
const LONGEST_FRAME = 1_024;

export interface ChallengeDeps {
  operatorToken(): string;
  /** The peer could not prove that it knows the token. */
  failed(): void;
  proven(seal: Seal): void;
}

/**
 * The gateway's side of the proof: `hello` with the peer's nonce comes in, `challenge` with our nonce and our proof
 * goes out, `proof` comes in. Nothing of the gateway is said before.
 */
export class OperatorChallenge {
  readonly #open = new Set<WebSocket>();

  begin(ws: WebSocket, deps: ChallengeDeps): void {
    for (const oldest of this.#open) {
      if (this.#open.size < HANDSHAKES) break;
      this.#open.delete(oldest);
      oldest.terminate();
    }
    this.#open.add(ws);
    const timer = setTimeout(() => ws.close(1008, 'no proof came in time'), HANDSHAKE_MS);
    timer.unref();
    let nonces: Nonces | undefined;
    let token = '';
    const ended = (): void => {
      clearTimeout(timer);
      this.#open.delete(ws);
    };
    const receive = (data: RawData, isBinary: boolean): void => {
      const frame = isBinary ? {} : fieldsOf(String(data));
      if (nonces === undefined && frame.type === 'hello' && isNonce(frame.nonce)) {
        token = deps.operatorToken();
        nonces = { client: frame.nonce, server: newNonce() };
        const proof = proofOf('server', token, nonces);
        ws.send(JSON.stringify({ type: 'challenge', nonce: nonces.server, proof }));
        return;
      }
      ws.off('message', receive);
      // It may have been rotated since the hello: then what proves the old one proves nothing.
      const stillRight = token === deps.operatorToken();
      if (
        stillRight &&
        nonces !== undefined &&
        frame.type === 'proof' &&
        proves('client', token, nonces, frame.proof)
      ) {
        ended();
        deps.proven(new Seal('server', token, nonces));
        return;
      }
      deps.failed();
      ws.close(1008, 'the operator token was not proved');
      setTimeout(() => ws.terminate(), HANDSHAKE_MS).unref();
    };
    ws.on('message', receive);
    ws.on('error', () => {}); // the close that follows tells
    ws.on('close', ended);
  }

  /** Ends every handshake that is not over yet. */
  stop(): void {
    for (const ws of this.#open) ws.terminate();
  }
}

interface Fields {
  readonly type?: unknown;
  readonly nonce?: unknown;
  readonly proof?: unknown;
}

function fieldsOf(text: string): Fields {
  if (text.length > LONGEST_FRAME) return {};
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}

/** What the gateway's challenge says, for the other end. */
export function challengeOf(text: string): { readonly nonce: string; readonly proof: unknown } | undefined {
  const { type, nonce, proof } = fieldsOf(text);
  return type === 'challenge' && isNonce(nonce) ? { nonce, proof } : undefined;
}
