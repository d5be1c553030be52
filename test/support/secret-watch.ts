/**
 * Knows every secret that a test gave to a program and everything that programs wrote: no line may contain one. Each
 * test file has its own; `no-leaks.ts` looks after every test.
 */
import { configKeys } from '../../src/gateway/config/access.ts';

/** Shorter ones are ordinary words, which the program does not redact either. */
const SHORTEST = 6;

const secrets = new Set<string>();
const outputs: { readonly who: string; readonly text: () => string }[] = [];

export function watchSecret(value: unknown): void {
  if (typeof value !== 'string' || value.startsWith('$') || value.startsWith('!')) return;
  const secret = value.trim();
  if (secret.length < SHORTEST) return;
  secrets.add(secret);
  secrets.add(encodeURIComponent(secret));
}

/** Every value of a configuration that the schema calls secret. */
export function watchConfig(config: unknown): void {
  for (const { key, secret } of configKeys()) {
    if (!secret) continue;
    let node: unknown = config;
    for (const step of key.split('.'))
      node = typeof node === 'object' && node !== null ? Reflect.get(node, step) : undefined;
    for (const value of Array.isArray(node) ? node : [node]) watchSecret(value);
  }
}

/** Begins anew: one worker runs many files, and a secret of one is an ordinary word in another. */
export function forget(): void {
  secrets.clear();
  outputs.length = 0;
}

/** What a program writes from now on; `text` is asked at the end of the test. */
export function watchOutput(who: string, text: () => string): void {
  outputs.push({ who, text });
}

/** Every line with a secret in it, the secret taken out, since the last call. */
export function leaks(): string[] {
  const found: string[] = [];
  for (const { who, text } of outputs.splice(0))
    for (const line of text().split('\n'))
      for (const secret of secrets)
        if (line.includes(secret)) found.push(`${who}: ${line.replaceAll(secret, '<SECRET>')}`);
  return found;
}
