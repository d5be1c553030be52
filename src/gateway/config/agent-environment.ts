import type { Config } from './schema.ts';
import { environmentName } from './secrets.ts';

/** Variables that any program needs, whatever a configuration says about them. */
const BASIC = new Set(['PATH', 'HOME', 'USER', 'LOGNAME', 'SHELL', 'LANG', 'TERM', 'TMPDIR']);

/** With it one could write to the collector of traces. */
const COLLECTOR_TOKEN = /^OTEL_EXPORTER_OTLP_(?:\w+_)?HEADERS$/;

/**
 * The environment for an agent: without the variables that the configuration names (as `$NAME`) for tokens and
 * platforms. An agent runs commands for people in chats, and `env` is a command.
 */
export function withoutPlatformSecrets(config: Config, env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const named = new Set<string>();
  collect([config.tokens, config.platforms, config.proxy, config.notify, config.heartbeat], named);
  return Object.fromEntries(
    Object.entries(env).filter(
      ([name]) => BASIC.has(name) || !(named.has(name) || COLLECTOR_TOKEN.test(name)),
    ),
  );
}

function collect(value: unknown, into: Set<string>): void {
  if (typeof value === 'string') {
    const name = environmentName(value);
    if (name !== undefined) into.add(name);
  } else if (typeof value === 'object' && value !== null)
    for (const child of Object.values(value)) collect(child, into);
}
