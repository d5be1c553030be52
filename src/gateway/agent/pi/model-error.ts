import type { TurnEnd } from '../agent.ts';
import { failedEnd } from '../turn-end.ts';
import { oneLine } from './diagnosis.ts';

interface Rule {
  readonly when: RegExp;
  readonly message: string;
  readonly hint: string;
}

/** First match wins. Providers word their errors freely; the status code in front is pi's. */
const RULES: readonly Rule[] = [
  {
    when: /context.{0,20}(length|window|overflow)|too many tokens|prompt is too long|maximum context/i,
    message: 'The conversation has become too long for the model; /compact or /new helps.',
    hint: 'Compact or reset the session, or choose a model with a larger context.',
  },
  {
    when: /^40[13]\b|unauthori[sz]ed|forbidden|invalid.{0,20}(api.?key|token|credential)|authentication/i,
    message: "The model provider refused the gateway's credentials.",
    hint: 'Check the API key or login of the provider ("pi auth check --provider <name>").',
  },
  {
    when: /^402\b|billing|insufficient.{0,20}(credit|quota|fund|balance)|exceeded your current quota/i,
    message: 'The account at the model provider has no credit left.',
    hint: 'Check plan and billing at the model provider.',
  },
  {
    when: /^429\b|rate.?limit|too many requests/i,
    message: 'The model provider is limiting requests just now; please try again in a minute.',
    hint: "Wait, lower agent.maxConcurrent, or raise the provider's limit.",
  },
  {
    when: /^404\b|model.{0,40}(not found|does not exist|not exist|unknown)/i,
    message: 'The model provider does not know the configured model.',
    hint: 'Choose one of "pi --list-models" and set agent.model.',
  },
  {
    when: /ECONNREFUSED|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EHOSTUNREACH|connection (error|refused)|fetch failed|network/i,
    message: 'The model could not be reached.',
    hint: "Check the network and the provider's base URL; a local model server may not be running.",
  },
  {
    when: /^5\d\d\b|overloaded|server.?error|unavailable|terminated|socket|stream (ended|closed)/i,
    message: 'The model provider has a problem of its own just now; please try again later.',
    hint: "Look at the provider's status page; pi has already tried again.",
  },
];

/** The outcome of a turn whose model answered with an error, after all of pi's own attempts. */
export function modelError(errorMessage: string): TurnEnd {
  const said = oneLine(errorMessage, 200);
  const rule = RULES.find((candidate) => candidate.when.test(errorMessage));
  return failedEnd(
    'model_error',
    rule?.message ?? 'The model reported an error.',
    `${rule?.hint ?? 'Look at the log of the gateway and at the provider.'} It said: ${said === '' ? '(nothing)' : said}`,
    { reachedModel: true },
  );
}
