import type { AgentWord } from '../../gateway/agent/agent.ts';
import { listAt, stringAt } from '../../gateway/agent/pi-files.ts';
import { oneLine } from '../pi/diagnosis.ts';
import type { RpcLink } from './rpc-link.ts';

/** Asks a pi without a session for its prompt templates, skills and commands, and ends it. Rejects when it does not tell. */
export async function piWords(link: RpcLink, signal: AbortSignal): Promise<readonly AgentWord[]> {
  const giveUp = (): void => link.kill();
  if (signal.aborted) giveUp();
  signal.addEventListener('abort', giveUp, { once: true });
  try {
    const words = listAt(await link.request({ type: 'get_commands' }), 'commands');
    return words.flatMap((word) => {
      const name = stringAt(word, 'name');
      if (name === undefined) return [];
      const program = stringAt(word, 'source') === 'extension';
      return [
        { name, description: oneLine(stringAt(word, 'description') ?? ''), ...(program ? { program } : {}) },
      ];
    });
  } finally {
    signal.removeEventListener('abort', giveUp);
    void link.close();
  }
}
