/** Access, pairing, and messages that are not accepted. */
export const access = {
  'access.notNow': 'This gateway does not accept messages from here right now.',
  'access.notHere': 'This gateway does not accept messages from here.',
  'access.none': "You don't have access to this bot.",
  'access.pending':
    'Your request is pending. This message was not kept. Send it again when you are approved.',
  'access.notKept': 'This message was not kept. Send it again when you are approved.',
  'access.welcome': "You're approved. Welcome!",
  'access.denied': 'Your request was denied.',
  'access.waiting': 'Waiting for the operator.',
  'access.code':
    'Hi! You need approval to use this bot. Give this code to its operator: {code}. It expires in {minutes, plural, one {# minute} other {# minutes}}. Your message is saved and will be answered once you are approved.',
  'access.tooLate': 'This message waited for more than {time}. Send it again.',
  'access.locked':
    'Invite codes are not accepted right now. Please try again in {time}, or ask the operator.',
  'access.tooFast': "You're sending messages too fast. Please wait a minute.",
  'access.rateLimited': 'Too many messages (rate_limited). Please wait a minute.',
  'time.minutes': '{n, plural, =1 {one minute} other {# minutes}}',
  'time.hours': '{n, plural, =1 {one hour} other {# hours}}',
} as const;
