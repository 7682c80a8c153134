import AssayCore
import CivilTime

extension UserRecord {
    /// What is known of a user as a document. `clock`: for times as texts.
    package func json(_ clock: TimeText) -> JSON {
        .object([
            ("user_id", .string(name)), ("transactions", .unsigned(transactions)),
            ("last_ms", lastTime.map { .integer($0) } ?? .null),
            ("last_time", lastTime.map { .string(clock.text($0)) } ?? .null),
            ("hours", .array(hours.hours.map { .integer(Int64($0)) })), ("weekend", .bool(seenOnWeekend)),
            (
                "amounts",
                .array(
                    amounts.map {
                        .object([
                            ("currency", .string($0.currency)), ("count", .unsigned($0.count)),
                            ("mean", .real($0.mean)), ("deviation", .real($0.deviation)),
                        ])
                    })
            ),
            (
                "places",
                .array(
                    places.map {
                        .object([
                            ("latitude", .real($0.latitude)), ("longitude", .real($0.longitude)),
                            ("kilometers", .real($0.kilometers(to: places[0]))),
                        ])
                    })
            ),
            (
                "types",
                .array(
                    types.map {
                        .object([
                            ("transaction_type", .string($0.name)),
                            ("times_ms", .array($0.times.map { .integer($0) })),
                        ])
                    })
            ),
        ])
    }
}
