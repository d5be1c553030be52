import { GatewayError, type GatewayErrorOptions } from '../base/errors.ts';

export interface RefusalOptions extends GatewayErrorOptions {
  readonly status: number;
  /** Headers that belong to the refusal: `Allow`, `Retry-After`, `WWW-Authenticate`. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** A request that is not carried out; reaches the client as `{"error","code","hint"}`. */
export class RequestRefused extends GatewayError {
  override readonly name = 'RequestRefused';
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: string, message: string, options: RefusalOptions) {
    super(code, message, options);
    this.headers = options.headers ?? {};
  }
}

export interface ErrorBody {
  readonly error: string;
  readonly code: string;
  readonly hint: string;
}

/** What a client may know about a failure: unknown errors keep their text to the log. */
export function errorBody(error: unknown): { readonly status: number; readonly body: ErrorBody } {
  if (error instanceof GatewayError)
    return {
      status: error.status,
      body: { error: error.message, code: error.code, hint: error.hint ?? 'See the log of the gateway.' },
    };
  return {
    status: 500,
    body: {
      error: 'the gateway failed on this request',
      code: 'internal',
      hint: 'See the log of the gateway.',
    },
  };
}
