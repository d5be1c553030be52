/** What is said about deliveries and about where a session is. */
export const send = {
  'send.refused': 'My answer was refused here, even as plain text. The operator can read it in the console.',
  'send.restRefused':
    'The rest of my answer was refused here, even as plain text. The operator can read it in the console.',
  'send.answerBelow': '(My answer is below.)',
  'send.mayRepeat': '(The connection was lost while sending: the next message may be a repeat.)',
  'send.inTerminal':
    'The operator has this session open in a terminal. Your message is queued until they close it.',
  'send.fromTerminal': 'Terminal: {text}',
  'stream.live': '#{channel} is live: https://www.twitch.tv/{channel}',
  'stream.ended': 'The stream of #{channel} has ended.',
} as const;
