import StateStore

/// Decides whether an alert is told, and whether alone.
enum AlertGate {
    enum Verdict: Equatable {
        /// The same matter was told less than the quiet time ago.
        case quiet
        /// `told`: what is remembered as the time of the last one.
        case tell(told: Int64)
    }

    /// `told`: when the same matter was last told. Times are those of events, which may come in any order.
    static func verdict(at time: Int64, told: Int64?, quiet: Int64) -> Verdict {
        guard let told, quiet > 0 else { return .tell(told: max(time, told ?? time)) }
        // One from long before the last one is another matter, and does not make that one forgotten.
        return (time - told).magnitude < quiet.magnitude ? .quiet : .tell(told: max(time, told))
    }

    enum Place: Equatable {
        case alone
        /// It becomes the one that others of this minute are put into, and is sent at its end.
        case first(due: Int64)
        case into(Int64)
    }

    private static let minuteMilliseconds: Int64 = 60_000

    /// Where an alert goes, by how many the rule has made in this minute of the time of day.
    static func place(_ burst: inout AlertStore.Burst?, at now: Int64, perMinute: Int64) -> Place {
        var present = burst ?? AlertStore.Burst(minute: now)
        if now < present.minute || now >= present.minute + minuteMilliseconds {
            present = AlertStore.Burst(minute: now)
        }
        present.count += 1
        burst = present
        if let alert = present.alert { return .into(alert) }
        return present.count <= perMinute ? .alone : .first(due: present.minute + minuteMilliseconds)
    }
}

/// What becomes of a condition of the engine between two looks.
enum EngineGate {
    enum Action: Equatable {
        case nothing
        case fire
        case resolve
    }

    /// `holds`: nil where that is not known yet, which changes nothing.
    static func look(
        _ condition: inout AlertStore.Condition, holds: Bool?, at now: Int64, _ rule: AlertRule
    ) -> Action {
        guard let holds else { return .nothing }
        guard holds else {
            condition.since = nil
            guard condition.isFiring else { return .nothing }
            condition.isFiring = false
            return rule.resolves ? .resolve : .nothing
        }
        let since = min(condition.since ?? now, now)
        condition.since = since
        guard !condition.isFiring, now - since >= rule.forMilliseconds else { return .nothing }
        if let told = condition.told, told <= now, now - told < rule.quietMilliseconds { return .nothing }
        condition.isFiring = true
        condition.told = now
        condition.episode += 1
        return .fire
    }
}
