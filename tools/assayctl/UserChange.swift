import Arguments
import Assay
import AssayCore
import CivilTime

/// What is different about a user between two states, in words.
struct UserChange {
    let words: [String]

    init(_ before: UserRecord, _ after: UserRecord, _ clock: TimeText) {
        var words: [String] = []
        if before.transactions != after.transactions {
            words.append(
                "transactions: \(Figures.grouped(before.transactions)) → \(Figures.grouped(after.transactions))"
                    + Self.step(Double(after.transactions) - Double(before.transactions)))
        }
        if before.lastTime != after.lastTime { words.append(Self.last(before.lastTime, after.lastTime, clock)) }
        words += Self.amounts(before, after) + Self.types(before, after) + Self.places(before, after)
        let hours = Set(after.hours.hours).subtracting(before.hours.hours).sorted()
        if !hours.isEmpty { words.append("new hours: \(hours.map(Self.hour).joined(separator: ", "))") }
        let unseen = Set(before.hours.hours).subtracting(after.hours.hours).sorted()
        if !unseen.isEmpty { words.append("hours forgotten: \(unseen.map(Self.hour).joined(separator: ", "))") }
        if before.seenOnWeekend != after.seenOnWeekend {
            words.append(after.seenOnWeekend ? "now seen on a weekend" : "no longer known from a weekend")
        }
        self.words = words.isEmpty ? ["nothing that a person would see"] : words
    }

    private static let mostPlaces = 3

    private static func hour(_ hour: Int) -> String { (hour < 10 ? "0" : "") + "\(hour):00" }

    private static func step(_ difference: Double) -> String {
        let text = Figures.grouped(Int64(abs(difference)))
        return " (\(difference < 0 ? "-" : "+")\(text))"
    }

    private static func last(_ before: Int64?, _ after: Int64?, _ clock: TimeText) -> String {
        guard let before, let after else {
            return "last seen: " + (after.map(clock.text) ?? "never")
        }
        let span = Figures.span(seconds: Double(abs(after - before)) / 1000)
        let order = after > before ? "later" : "earlier"
        return "last seen: \(clock.text(before)) → \(clock.text(after)) (\(span) \(order))"
    }

    private static func amounts(_ before: UserRecord, _ after: UserRecord) -> [String] {
        var words: [String] = []
        func name(_ currency: String) -> String {
            currency.isEmpty ? "amounts without a currency" : "amounts in \(currency)"
        }
        func mean(_ amount: UserRecord.Amount) -> String { Figures.decimal(amount.mean, digits: 2) }
        for amount in after.amounts {
            guard let former = before.amounts.first(where: { $0.currency == amount.currency }) else {
                words.append("\(name(amount.currency)): new, \(mean(amount)) on average")
                continue
            }
            guard former != amount else { continue }
            let change = former.mean == 0 ? nil : (amount.mean - former.mean) / abs(former.mean) * 100
            let percent = change.map { " (\($0 < 0 ? "-" : "+")\(Figures.decimal(abs($0), digits: 1)) %)" } ?? ""
            words.append("\(name(amount.currency)): \(mean(former)) → \(mean(amount)) on average\(percent)")
        }
        for amount in before.amounts where !after.amounts.contains(where: { $0.currency == amount.currency }) {
            words.append("\(name(amount.currency)): forgotten")
        }
        return words
    }

    private static func types(_ before: UserRecord, _ after: UserRecord) -> [String] {
        let (old, new) = (before.types.map(\.name), after.types.map(\.name))
        var words: [String] = []
        let added = new.filter { !old.contains($0) }
        if !added.isEmpty { words.append("new types: \(added.joined(separator: ", "))") }
        let gone = old.filter { !new.contains($0) }
        if !gone.isEmpty { words.append("types forgotten: \(gone.joined(separator: ", "))") }
        return words
    }

    private static func places(_ before: UserRecord, _ after: UserRecord) -> [String] {
        func text(_ place: UserRecord.Place) -> String { "\(place.latitude), \(place.longitude)" }
        let new = after.places.filter { !before.places.contains($0) }.map { place in
            (place: place, far: before.places.map { place.kilometers(to: $0) }.min() ?? 0)
        }.sorted { $0.far > $1.far }
        var words = new.prefix(mostPlaces).map { place, far in
            "new place: \(text(place))"
                + (before.places.isEmpty ? "" : ", \(Figures.decimal(far, digits: 1)) km from the nearest known one")
        }
        if new.count > mostPlaces { words.append("and \(new.count - mostPlaces) new places that are nearer") }
        let gone = before.places.count { !after.places.contains($0) }
        if gone > 0 { words.append(gone == 1 ? "1 place forgotten" : "\(gone) places forgotten") }
        return words
    }
}
