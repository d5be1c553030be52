import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DataFolder } from '../store/data-folder.ts';

/** Where the gateway of a data directory answers; written when it is ready, removed at a clean stop. */
export interface Runtime {
  readonly pid: number;
  readonly port: number;
  readonly host: string;
}

const fileOf = (folder: DataFolder): string => join(folder.root, 'gateway', 'runtime.json');

export function writeRuntime(folder: DataFolder, runtime: Runtime): void {
  writeFileSync(fileOf(folder), `${JSON.stringify(runtime)}\n`, { mode: 0o600 });
}

export function removeRuntime(folder: DataFolder): void {
  rmSync(fileOf(folder), { force: true });
}

/** What the file says; after a crash it may be out of date, so anyone who reads it asks the port. */
export function readRuntime(folder: DataFolder): Runtime | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(fileOf(folder), 'utf8'));
    if (typeof value !== 'object' || value === null) return undefined;
    const { pid, port, host } = value as Record<string, unknown>;
    return typeof pid === 'number' && typeof port === 'number' && typeof host === 'string'
      ? { pid, port, host }
      : undefined;
  } catch {
    return undefined; // no gateway has been ready here
  }
}

/** An address that reaches a gateway listening on `host` from this machine. */
export function urlOf(host: string, port: number): string {
  const reachable = host === '0.0.0.0' || host === 'localhost' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`;
}

/** Is something answering as a gateway there? Bounded; never throws. */
export async function answersAsGateway(url: string, timeoutMs = 1500): Promise<boolean> {
  try {
    const response = await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(timeoutMs) });
    const body: unknown = await response.json();
    return (
      typeof body === 'object' &&
      body !== null &&
      ('service' in body ? body.service === 'pi-gateway-tui' : response.ok)
    );
  } catch {
    return false; // nothing there, or something else
  }
}
