/** The route of the operator link, known to both ends. */
export const OPERATOR_PATH = '/operator';
/** Names the program at the other end of a link, for the audit. */
export const SURFACE_HEADER = 'x-gateway-surface';
/** Programs that link to a gateway next to the attached console. */
const LINK_SURFACES = ['attach', 'cli', 'extension'] as const;
export type LinkSurface = (typeof LINK_SURFACES)[number];

/** What a peer says it is; anyone who says nothing known counts as an attached console. All of them hold the same token. */
export function surfaceOf(header: string | readonly string[] | undefined): LinkSurface {
  return LINK_SURFACES.find((each) => each === header) ?? 'attach';
}
