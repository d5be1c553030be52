import type { Logger } from '../../base/log.ts';

/** The part of pino's interface that baileys uses. */
export interface BaileysLogger {
  level: string;
  child(fields: Record<string, unknown>): BaileysLogger;
  trace(fields: unknown, message?: string): void;
  debug(fields: unknown, message?: string): void;
  info(fields: unknown, message?: string): void;
  warn(fields: unknown, message?: string): void;
  error(fields: unknown, message?: string): void;
}

const MAX_TEXT = 200;
/** Field names whose values are keys, codes or message content, whatever their type. */
const PRIVATE = /key|secret|code|cred|token|identity|message$|content|text|body|media|xml|node|qr/i;

/**
 * baileys' lines as debug lines of ours. It logs whole stanzas, keys and messages, so only short scalar fields with
 * harmless names pass; everything nested is dropped. Its `trace` level would print every stanza and stays off.
 */
export function baileysLogger(log: Logger): BaileysLogger {
  const write = (level: string) => (fields: unknown, message?: string) => {
    const text = message ?? (typeof fields === 'string' ? fields : 'event');
    log.debug(text.slice(0, MAX_TEXT), { level, ...harmless(fields) });
  };
  const logger: BaileysLogger = {
    level: 'info',
    child: () => logger,
    trace() {},
    // One or more lines for every stanza: of use only to someone who debugs baileys itself.
    debug() {},
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
  };
  return logger;
}

function harmless(fields: unknown): Record<string, string | number | boolean> {
  const kept: Record<string, string | number | boolean> = {};
  if (typeof fields !== 'object' || fields === null) return kept;
  for (const [name, value] of Object.entries(fields)) {
    if (value instanceof Error) kept[name] = value.message.slice(0, MAX_TEXT);
    else if (PRIVATE.test(name)) continue;
    else if (typeof value === 'string') kept[name] = value.slice(0, MAX_TEXT);
    else if (typeof value === 'number' || typeof value === 'boolean') kept[name] = value;
  }
  return kept;
}
