/** What becomes of a message before an agent reads it. */
export const receive = {
  'receive.unreadable': 'I cannot read {what}. Please send it as text, or as a file.',
  'receive.emptyMention':
    'Hi! Write your question in the same message as the mention, or mention me in a reply.',
  'receive.empty': 'Hi! Send me a message.',
  'receive.diskFull':
    'The disk of the gateway is full, so it accepts no messages right now. The operator knows.',
  'receive.full':
    'There are already {n, plural, one {# message} other {# messages}} waiting here. Wait for an answer, or /stop.',
  'receive.queueFull': 'Too many messages are already queued.',
  'receive.tooLong': 'That message is too long. Please send it as a file, or in parts.',
  'receive.personBudget': 'Too much of your text is waiting. Wait for an answer, or /stop.',
  'receive.chatBudget': 'Too much text is waiting in this chat. Wait for an answer, or /stop.',
  'receive.totalBudget': 'Too much is waiting at the moment. Please try again in a few minutes.',
  'receive.editRejected': 'Your edit was rejected. {why}',
  'receive.editTooLate':
    'Your edit came too late: I took the message as it was. Send the new text as a new message.',
  'receive.newSession':
    '{why, select, idle {Started a new session (no messages for a long time).} daily {Started a new session (daily reset).} other {Started a new session (reset by the operator).}} Send /resume to return to the previous one.',
} as const;
