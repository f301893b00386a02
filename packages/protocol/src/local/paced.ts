/**
 * News at a pace that costs nothing: every message about how far an evaluation is crosses a thread and a network and is written somewhere, on cores that the evaluation wants.
 */
export interface Progress {
  readonly done: number
  readonly total: number
}

/** @returns passes on the first news, the last, and in between what comes `milliseconds` or more after the one before */
export function paced<T extends Progress>(
  tell: (news: T) => void,
  milliseconds: number,
  now: () => number = () => performance.now()
): (news: T) => void {
  let next = Number.NEGATIVE_INFINITY
  return news => {
    const time = now()
    if (time < next && news.done < news.total) return
    next = time + milliseconds
    tell(news)
  }
}
