/**
 * pi extension. Its type names no package, so that programs without pi can import it, and nothing of pi is loaded before
 * pi calls it. Inside a session that the gateway itself hosts for chat users it offers nothing at all.
 */
import type { ExtensionAPI } from '@earendil-works/pi-coding-agent';

/** Two copies of the extension in one pi (a package and a meta-extension that imports it) find each other by this event. */
const PRESENT = 'pi-gateway-tui:present';

interface Probe {
  found: boolean;
}

/** A meta-extension passes its own pi on, once or twice. */
const served = new WeakSet<object>();

// biome-ignore lint/style/noDefaultExport: pi loads an extension by its default export
export default async function gatewayExtension(pi: object): Promise<void> {
  if (process.env['PI_GATEWAY_HOSTED'] === '1') return;
  const host = pi as ExtensionAPI; // pi is the only caller, and hands over exactly that
  if (served.has(pi) || isRegistered(host)) return;
  served.add(pi);
  const silence = host.events?.on(PRESENT, (probe) => {
    (probe as Probe).found = true;
  });
  host.on('session_shutdown', () => silence?.());
  const { registerGateway } = await import('./gateway-extension.ts');
  registerGateway(host);
}

/** A second registration would make pi complain of two tools and two commands of one name. */
function isRegistered(host: ExtensionAPI): boolean {
  const probe: Probe = { found: false };
  host.events?.emit(PRESENT, probe);
  if (probe.found) return true;
  try {
    return host.getAllTools().some(({ name }) => name === 'gateway_status');
  } catch {
    return false; // pi answers this only after it has loaded its extensions
  }
}
