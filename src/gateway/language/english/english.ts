/** The source of keys and values: every other language has exactly these. */

import { commands, schedules, tasks, things } from './commands.ts';
import { limits, notices, owner, questions } from './questions.ts';

/** Access, pairing, and messages that are not accepted. */
const access = {
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

/** What is said about the agent, and how its turns end. */
const agent = {
  'agent.model': 'Model: {model}\nAvailable: {models}',
  'agent.modelMore': 'Model: {model}\nAvailable: {models} and {n, number} more',
  'agent.noModelSet': 'none',
  'agent.modelIs': 'Model: {model}',
  'agent.thinking': 'Thinking: {level}\nAvailable: {levels}',
  'agent.thinkingIs': 'Thinking: {level}',
  'agent.compacted': 'Compacted: from about {before, number} to {after, number} tokens.',
  'agent.usage': '{input, number} tokens in, {output, number} tokens out, {cost}',
  'agent.usageContext':
    '{input, number} tokens in, {output, number} tokens out, {cost}, context {percent} % of {window, number}',
  'agent.refused': 'The agent refused: {reason}',
  'agent.unreachable': 'The agent could not be reached.',
  'agent.unreachableHint': 'Check the log of the gateway, then try again.',
  'agent.silentNow': 'The agent did not answer in time.',
  'agent.silentNowHint': 'Wait for the running turn, or stop it with /stop.',
  'agent.modelAmbiguous': '"{name}" fits {n, plural, one {# model} other {# models}}.',
  'agent.modelAmbiguousHint': 'Write more of the name: {names}.',
  'agent.modelUnknown': 'No available model is named "{name}".',
  'agent.modelUnknownHint':
    'Ask for the list without a name; a model appears there once its provider has a key or login.',
  'agent.thinkingUnknown': 'This model has no thinking level "{level}".',
  'agent.thinkingUnknownHint': 'It has: {levels}.',
  'agent.busy': 'That is not possible while the agent works.',
  'agent.busyHint': 'Wait for the answer, or stop it with /stop.',
  'agent.nothingToUndo': 'there is no turn to undo',
  'agent.emptyConversation': 'This conversation is empty.',
  'agent.undoRefused': 'an extension of the agent did not allow the undo',
  'agent.undoNoFile': 'this agent keeps no session file to go back in',
  'agent.inTerminal': 'This chat is bound to pi in a terminal.',
  'agent.inTerminalHint': 'Use the command in that terminal.',
  'agent.bound': 'This chat is bound to a session of pi.',
  'agent.boundHint': 'The operator unbinds it with /gateway unbind.',
  'agent.bindingOver': 'That binding has ended.',
  'agent.bindingOverHint': 'The operator binds the chat again with /gateway bind or bind-current.',
  'agent.sessionLent': 'the operator has this session in a terminal',
  'agent.sessionLentHint':
    'Your message runs when that terminal closes the session. /new starts another session.',
} as const;

/** Why a turn failed: one sentence for the chat. What the operator can do is in the log. */
const failures = {
  'failure.modelUnknown': 'The agent does not know the configured model.',
  'failure.noModel': 'The agent has no model to answer with.',
  'failure.directoryGone': 'The working directory of this conversation is gone. /new starts a new session.',
  'failure.sessionDamaged': 'The saved conversation could not be opened. /new starts a new session.',
  'failure.noLimits': 'The agent cannot keep to the spending limits here, so it was not started.',
  'failure.noApprovals': 'The agent cannot ask for approval here, so it was not started.',
  'failure.notInstalled': 'The agent is not installed on this machine.',
  'failure.stoppedAtStart': 'The agent stopped as soon as it was started.',
  'failure.silentStart': 'The agent was started but does not answer.',
  'failure.noDirectory': "The agent's working directory does not exist.",
  'failure.tooMuch': 'The agent sent more at once than can be handled and was stopped.',
  'failure.blocked': 'The agent stopped reacting and was restarted.',
  'failure.connectionLost': 'The connection to the agent was lost before the answer was finished.',
  'failure.stoppedUnexpectedly': 'The agent stopped unexpectedly before it had finished the answer.',
  'failure.loginExpired': "The agent's login at the model provider has expired.",
  'failure.compacting': 'The agent is compacting its memory right now.',
  'failure.notAccepted': 'The agent did not accept the message.',
  'failure.tookTooLong': 'The answer took too long, so it was stopped.',
  'failure.stopped': 'The agent was stopped before it could finish the answer.',
  'failure.gateway': 'Something went wrong inside the gateway while working on this.',
  'failure.noMachine': 'None of the machines on which I work can be reached right now.',
  'failure.allDrained': 'No machine takes new work at the moment. Try again later.',
  'failure.copyBehind':
    'The machine of this conversation cannot be reached, and the end of its last answer was not copied. Send the message again to continue without it, or wait for the machine.',
  'failure.machineAway':
    'The machine of this conversation cannot be reached. /new starts a new session on another one.',
  'failure.machineGone': 'The machine of this conversation no longer exists. /new starts a new session.',
  'failure.terminalEnded': '{why} before the answer was finished. /retry runs the message here.',
  'failure.terminalRefused': 'The pi in the terminal did not take the message.',
  'failure.model': 'The model reported an error.',
  'failure.crashed': 'The agent crashed.',
  'failure.tooLong': 'The conversation has become too long for the model; /compact or /new helps.',
  'failure.credentials': "The model provider refused the gateway's credentials.",
  'failure.noCredit': 'The account at the model provider has no credit left.',
  'failure.rateLimited': 'The model provider is limiting requests right now; please try again in a minute.',
  'failure.providerModel': 'The model provider does not know the configured model.',
  'failure.modelUnreachable': 'The model could not be reached.',
  'failure.providerTrouble': 'The model provider has a problem right now; please try again later.',
  'failure.reportUnreadable': 'The gateway could not read what the pi in the terminal reported.',
  'failure.otherSession':
    'Another session was opened in the terminal before the answer was finished. /retry runs the message again.',
  'failure.terminalLate': 'The terminal could not reach the gateway in time. /retry runs the message again.',
  'failure.terminalGone': 'The pi in the terminal ended',
  'failure.unbound': 'This chat was unbound',
} as const;

/** What becomes of a message before an agent reads it. */
const receive = {
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

/** What is said about deliveries and about where a session is. */
const send = {
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

/** How turns end, and what becomes of work that a restart cut off. */
const turns = {
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

export const english = {
  ...access,
  ...agent,
  ...commands,
  ...failures,
  ...limits,
  ...notices,
  ...owner,
  ...questions,
  ...receive,
  ...schedules,
  ...send,
  ...tasks,
  ...things,
  ...turns,
} as const;
