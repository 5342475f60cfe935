import type { NoticeMap, NoticeName, Notices } from '../../contract/index.js';

/** A notice as it was heard. */
export type HeardNotice = {
  [Name in NoticeName]: { readonly name: Name; readonly notice: NoticeMap[Name] };
}[NoticeName];

// Why a record: the compiler then refuses a list that misses a name.
const NAMES: Record<NoticeName, true> = {
  'broker:connected': true,
  'broker:unreachable': true,
  'broker:warned': true,
  'subscription:started': true,
  'subscription:crashed': true,
  'subscription:recovered': true,
  'partition:stalled': true,
  'partition:unstalled': true,
  'subscription:starved': true,
  'subscription:receiving': true,
  'subscription:paused': true,
  'subscription:resumed': true,
  'subscription:warned': true,
  'guarantee:lowered': true,
  'partition:assigned': true,
  'partition:revoked': true,
  'commit:failed': true,
  'message:acked': true,
  'message:retry-scheduled': true,
  'message:dropped': true,
  'message:timed-out': true,
  'message:dead-lettered': true,
  'message:dead-letter-failed': true,
  'settlement:failed': true,
  'settlement:ignored': true,
  'publish:failed': true,
  'drain:started': true,
  'drain:finished': true,
};

/** Listens to every notice there is. */
export function onEveryNotice(notices: Notices, listener: (heard: HeardNotice) => void): void {
  for (const name of Object.keys(NAMES) as NoticeName[]) {
    notices.on(name, (notice) => listener({ name, notice } as HeardNotice));
  }
}
