import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, '..', '..');

/** A program of ours: it uses what we added. */
const PROGRAM = `
import {
  createGateway, type Adapter, type AdapterHandle, type AdapterView, type GatewayConfig, type GatewayEvent,
  type GatewayHandle, GatewayError, type GatewayStatus, getAdapter, getAdapters, getConfig, getStatus, type InboundEvent,
  isGatewayRunning, isRunning, type Operator, sendMessage, setConfig, startGateway, type StartedGateway,
  type StartGatewayOptions, stopGateway, attachToExistingGateway, broadcast,
} from 'pi-gateway-tui/api';
import extension, { startGateway as fromRoot } from 'pi-gateway-tui';
import alone from 'pi-gateway-tui/extension';

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function same<T extends true>(): T | undefined { return undefined; }

same<Equal<typeof fromRoot, typeof startGateway>>();
same<Equal<typeof extension, typeof alone>>();
const options: StartGatewayOptions = { port: 1, host: 'localhost', noAgent: true };
export const start: Promise<StartedGateway> = startGateway(options);
export const handle: Promise<GatewayHandle> = startGateway({ createAdapter: async (): Promise<Adapter | undefined> => undefined }).then((each) => each.gateway);
same<Equal<ReturnType<typeof stopGateway>, Promise<void>>>();
same<Equal<ReturnType<typeof isGatewayRunning>, Promise<boolean>>>();
same<Equal<ReturnType<typeof isRunning>, boolean>>();
same<Equal<ReturnType<typeof getStatus>, GatewayStatus>>();
same<Equal<ReturnType<typeof getConfig>, GatewayConfig>>();
same<Equal<ReturnType<typeof setConfig>, GatewayConfig>>();
same<Equal<ReturnType<typeof getAdapter>, AdapterHandle | undefined>>();
same<Equal<ReturnType<typeof getAdapters>, Map<string, AdapterHandle>>>();
same<Equal<ReturnType<typeof broadcast>, void>>();
same<Equal<ReturnType<typeof attachToExistingGateway>, Promise<GatewayStatus>>>();
same<Equal<Awaited<ReturnType<typeof sendMessage>>, boolean>>();
const port: number = getConfig().port;
const state: AdapterView['state'] | undefined = getStatus().adapterDetails[0]?.state;
export async function use(): Promise<unknown> {
  const gateway = await createGateway({ dataDir: '/tmp/x', agent: 'scripted' });
  const operator: Operator = gateway.operator;
  await operator.run({ type: 'pairing.approve', code: 'ABCD-EFGH' });
  gateway.onInbound((message: InboundEvent) => void sendMessage(message.chat.platform, message.chat.chatId, message.text));
  gateway.subscribe((event: GatewayEvent) => event.type === 'task' && event.task.progress);
  try { await sendMessage('telegram', '1', 'hi'); } catch (error) {
    if (error instanceof GatewayError) return [error.code, error.hint];
  }
  return [port, state, setConfig({ platforms: { telegram: { enabled: true } } })];
}
// @ts-expect-error a port is a number
void startGateway({ port: '3847' });
// @ts-expect-error unknown options are refused
void startGateway({ colour: 'red' });
`;

describe('the types of the published package', () => {
  const folder = mkdtempSync(join(tmpdir(), 'pi-gateway-types-'));

  beforeAll(() => {
    if (!existsSync(join(ROOT, 'dist', 'types', 'api.d.ts'))) throw new Error('run "npm run build" first');
    mkdirSync(join(folder, 'node_modules'));
    symlinkSync(ROOT, join(folder, 'node_modules', 'pi-gateway-tui'), 'dir');
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module', private: true }));
    writeFileSync(
      join(folder, 'tsconfig.json'),
      JSON.stringify({
        compilerOptions: {
          strict: true,
          exactOptionalPropertyTypes: true,
          noEmit: true,
          module: 'nodenext',
          target: 'es2023',
          skipLibCheck: false,
          types: ['node'],
          typeRoots: [join(ROOT, 'node_modules', '@types')],
        },
        files: ['program.ts'],
      }),
    );
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const check = async (program: string): Promise<string> => {
    writeFileSync(join(folder, 'program.ts'), program);
    const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
    return run(process.execPath, [tsc, '-p', folder]).then(
      () => '',
      (error: { stdout?: string }) => error.stdout ?? String(error),
    );
  };

  it('fit a strict program that uses the whole API', { timeout: 60_000 }, async () => {
    expect(await check(PROGRAM)).toBe('');
  });

  it('are really read', { timeout: 60_000 }, async () => {
    expect(await check(PROGRAM.replace('const port: number', 'const port: string'))).toContain('TS2322');
  });
});
