import { webApi } from '@slack/bolt';
import { describe, expect, it } from 'vitest';
import { toDeliveryError, unauthorisedCode } from '../../../src/adapters/slack/web-client.ts';

const platform = (error: string): Error => new webApi.WebAPIPlatformError({ ok: false, error });
const network = (code: string): Error =>
  new webApi.WebAPIRequestError(
    new TypeError('fetch failed', { cause: Object.assign(new Error(code), { code }) }),
  );

describe('why Slack did not deliver', () => {
  it.each([
    [platform('channel_not_found'), 'gone'],
    [platform('is_archived'), 'gone'],
    [platform('not_in_channel'), 'gone'],
    [platform('invalid_blocks'), 'markup'],
    [platform('msg_too_long'), 'rejected'],
    [platform('missing_scope'), 'rejected'],
    [platform('something_new'), 'rejected'],
    [platform('ratelimited'), 'rate-limited'],
    [platform('invalid_auth'), 'unreachable'],
    [platform('service_unavailable'), 'unreachable'],
    [platform('fatal_error'), 'unknown'],
    [platform('internal_error'), 'unknown'],
    [new webApi.WebAPIRateLimitedError(7), 'rate-limited'],
    [new Error('Retry header did not contain a valid timeout (url: x)'), 'rate-limited'],
    [new webApi.WebAPIHTTPError(503, 'x', {}, 'body'), 'unknown'],
    [new webApi.WebAPIHTTPError(404, 'x', {}, 'body'), 'rejected'],
    [network('ECONNREFUSED'), 'unreachable'],
    [network('ENOTFOUND'), 'unreachable'],
    [network('ECONNRESET'), 'unknown'],
    [network('UND_ERR_SOCKET'), 'unknown'],
    [new Error('anything'), 'unknown'],
  ])('%s means %s', (error, failure) => {
    expect(toDeliveryError('chat.postMessage', error).failure).toBe(failure);
  });

  it('says how long to wait', () => {
    expect(toDeliveryError('x', new webApi.WebAPIRateLimitedError(7)).retryAfterMs).toBe(7000);
    expect(toDeliveryError('x', platform('ratelimited')).retryAfterMs).toBeGreaterThan(0);
  });

  it('tells the operator what to do where there is something to do', () => {
    expect(toDeliveryError('x', platform('not_in_channel')).hint).toContain('/invite');
  });

  it('knows a dead token', () => {
    expect(unauthorisedCode(platform('token_revoked'))).toBe('token_revoked');
    expect(unauthorisedCode(platform('msg_too_long'))).toBeUndefined();
    expect(unauthorisedCode(network('ECONNRESET'))).toBeUndefined();
  });
});
