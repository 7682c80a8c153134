/// How to get back along a run's chain in few steps, for the link that took one event of a stage.
package struct PatternStep: Equatable, Sendable {
    /// How many events of the stage were taken before.
    let position: Int32
    /// The link that took the one before, -1 for the first.
    let same: Int32
    /// A link of the same stage, as far back as two steps before it lead when those are as long, else the one before:
    /// so any event of a stage is found in a number of steps that grows with the logarithm of how many there are.
    let back: Int32
    /// Where another stage stands before this one, -1 when none does.
    let other: Int32
}

/// The events that the runs of a key have taken, for conditions that read them.
struct PatternChain {
    private var links: [PatternState.Link] = []
    private var events: [KeptEvent] = []
    private var steps: [PatternStep] = []

    init() {}

    init(_ state: PatternState) {
        (links, events, steps) = (state.links, state.events, state.steps)
    }

    /// How many events of a stage a run has taken.
    func count(of stage: Int, _ run: PatternRun) -> Int {
        let latest = steps.latest(stage, from: run.last, links)
        return latest < 0 ? 0 : Int(steps[Int(latest)].position) + 1
    }

    /// One of them; nil when there are not so many.
    func event(_ position: Int, of stage: Int, _ run: PatternRun) -> KeptEvent? {
        var link = steps.latest(stage, from: run.last, links)
        guard position >= 0, link >= 0, position <= Int(steps[Int(link)].position) else { return nil }
        while Int(steps[Int(link)].position) > position {
            let back = steps[Int(link)].back
            link = Int(steps[Int(back)].position) >= position ? back : steps[Int(link)].same
        }
        return events[Int(links[Int(link)].event)]
    }

    /// All of them, in their order.
    func events(of stage: Int, _ run: PatternRun) -> [KeptEvent] {
        var taken: [KeptEvent] = []
        var link = steps.latest(stage, from: run.last, links)
        while link >= 0 {
            taken.append(events[Int(links[Int(link)].event)])
            link = steps[Int(link)].same
        }
        return taken.reversed()
    }
}

extension [PatternStep] {
    /// The last link of a stage at or before some link, -1 when there is none.
    fileprivate func latest(_ stage: Int, from last: Int32, _ links: [PatternState.Link]) -> Int32 {
        var link = last
        while link >= 0, Int(links[Int(link)].stage) != stage { link = self[Int(link)].other }
        return link
    }

    /// A step for each link that has none yet.
    mutating func goOn(with links: [PatternState.Link]) {
        while count < links.count {
            let (link, number) = (links[count], Int32(count))
            let isSame = link.previous >= 0 && links[Int(link.previous)].stage == link.stage
            let other = isSame ? self[Int(link.previous)].other : link.previous
            let same = isSame ? link.previous : latest(Int(link.stage), from: link.previous, links)
            guard same >= 0 else {
                append(PatternStep(position: 0, same: -1, back: number, other: other))
                continue
            }
            let before = self[Int(same)]
            let farther = self[Int(before.back)]
            let isAsLong = before.position - farther.position == farther.position - self[Int(farther.back)].position
            append(
                PatternStep(
                    position: before.position + 1, same: same, back: isAsLong ? farther.back : same, other: other))
        }
    }
}
