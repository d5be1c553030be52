/** The route of the operator link, known to both ends. */
export const OPERATOR_PATH = '/operator';
