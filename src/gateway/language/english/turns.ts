/** How turns end, and what becomes of work that a restart cut off. */
export const turns = {
  'turn.saidNothing': '(The agent finished without saying anything.)',
  'turn.dropped': 'Dropped before its turn began.',
  'turn.interruptedByNext': 'Interrupted by your next message.',
  'turn.stopped': 'Stopped.',
  'turn.gatewayStopped':
    'This turn was interrupted because the gateway stopped. Send /retry to run it again.',
  'turn.tookTooLong': 'This took too long and was ended.',
  'turn.starting': 'The agent is starting. Send /stop to cancel.',
  'turn.away': 'I was away for a while and did not work on this: "{what}".',
  'turn.restarted': 'I was restarted while working on this: "{what}". It was not finished.',
  'turn.questionsVoid':
    '{n, plural, one {My question {which} is void.} other {My questions {which} are void.}}',
  'turn.offer': '/retry runs it, /stop drops it.',
  'turn.sendAgain': 'Send it again if it still matters.',
  'button.runIt': 'Run it',
  'button.dropIt': 'Drop it',
  'resume.continue': 'Continue',
  'resume.look': 'Look first',
  'resume.drop': 'Drop',
  'resume.question': 'The gateway was restarted while I worked on this. Continue?',
  'resume.hostGone': 'The machine that worked on this can no longer be reached. Continue?',
  'resume.found': 'This is what I found. Continue?',
  'resume.cutOff':
    '{n, plural, one {This was cut off. It may have had all of its effects, some, or none:} other {These were cut off. Each may have had all of its effects, some, or none:}}',
  'resume.couldNotLook': 'I could not look: {why}',
  'resume.foundNothing': 'I found nothing to tell.',
} as const;
