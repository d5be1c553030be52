/** How long texts and files are kept, and how many backups. */
import { type Static, Type } from 'typebox';

const HOUR_MS = 60 * 60_000;
const UNITS: Readonly<Record<string, number>> = { h: HOUR_MS, d: 24 * HOUR_MS, w: 7 * 24 * HOUR_MS };

const kept = (fallback: string, description: string) =>
  Type.Optional(
    Type.String({
      pattern: '^(off|[1-9]\\d{0,4}[hdw])$',
      'x-pattern': 'a time such as 12h, 7d or 4w, or "off" for no limit',
      default: fallback,
      description,
    }),
  );

export const RetentionSchema = Type.Object({
  messages: kept(
    '7d',
    'How long answered messages, finished deliveries, ended tasks, closed requests and questions are kept: 12h, 7d, 4w, or off.',
  ),
  transcripts: kept(
    '90d',
    "How long lines of transcripts and ended sessions are kept. When it is set, pi's session file of such a session goes, too.",
  ),
  files: kept(
    'off',
    'How long files that chats sent or got are kept; they go with their session in any case.',
  ),
  refusals: kept('7d', 'How long the texts of rejected messages are kept.'),
  audit: kept('365d', 'How long lines of the audit log are kept.'),
});

export const BackupSchema = Type.Object({
  daily: Type.Optional(
    Type.Boolean({
      default: true,
      description: 'Make a backup every day on which something changed, in gateway/backups.',
    }),
  ),
  keep: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 1000,
      default: 7,
      description: 'Daily backups that are kept; older ones are removed.',
    }),
  ),
});

export interface Retention {
  readonly messagesMs: number;
  readonly transcriptsMs: number;
  readonly filesMs: number;
  readonly refusalsMs: number;
  readonly auditMs: number;
  /** The agent's session files go with the sessions. */
  readonly sessionFiles: boolean;
}

export function readRetention(config: Static<typeof RetentionSchema> | undefined): Retention {
  return {
    messagesMs: millis(config?.messages ?? '7d'),
    transcriptsMs: millis(config?.transcripts ?? '90d'),
    filesMs: millis(config?.files ?? 'off'),
    refusalsMs: millis(config?.refusals ?? '7d'),
    auditMs: millis(config?.audit ?? '365d'),
    sessionFiles: config?.transcripts !== undefined,
  };
}

/** Infinity for what has no limit. */
function millis(text: string): number {
  const unit = UNITS[text.slice(-1)];
  return text === 'off' || unit === undefined ? Number.POSITIVE_INFINITY : Number(text.slice(0, -1)) * unit;
}
