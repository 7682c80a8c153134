import AssayCore
import CivilTime

/// What each check sees of a transaction and makes of it: all comparisons in full, for people. A test compares them
/// with the scoring.
struct CheckReports {
    private let settings: ScoringSettings
    private let user: UserRecord
    private let transaction: Transaction
    private let type: String
    private let hour: Int
    private let weekday: Int

    init(
        _ settings: ScoringSettings, _ zone: TimeZoneRules, _ user: UserRecord, _ transaction: Transaction,
        type: String
    ) {
        self.settings = settings
        self.user = user
        self.transaction = transaction
        self.type = type
        var clock = LocalClock(zone)
        let (hour, weekday) = clock.hourAndWeekday(transaction.time)
        (self.hour, self.weekday) = (Int(hour), Int(weekday))
    }

    var all: [Explanation.CheckReport] { [velocity, location, amount, pattern, time] }

    private typealias Comparison = Explanation.Comparison

    private var isExperienced: Bool { user.transactions >= settings.minHistory }

    private var inexperience: String {
        "\(user.transactions) transactions so far; habits are judged from \(settings.minHistory) on"
    }

    private var velocity: Explanation.CheckReport {
        var report = Explanation.CheckReport(name: "velocity")
        let time = transaction.time.milliseconds
        let times = user.types.first { $0.name == type }?.times ?? []
        let thresholds = settings.velocity.thresholds[type] ?? settings.velocity.otherThresholds
        report.inputs = [("transaction_type", type)]
        for (window, threshold) in zip(settings.velocity.windowSeconds, thresholds) {
            let count = times.count { $0 > time - Int64(window) * 1000 && $0 <= time }
            // An unknown type has no windows yet.
            let isTrue = count >= threshold && user.types.contains { $0.name == type }
            let risk = min(Double(count) / Double(threshold) * settings.velocity.riskAtThreshold, 1)
            report.comparisons.append(
                Comparison(
                    quantity: "transactions in \(window) s", value: Double(count), relation: ">=",
                    bound: Double(threshold), isTrue: isTrue, risk: risk))
        }
        return report
    }

    private var location: Explanation.CheckReport {
        var report = Explanation.CheckReport(name: "location")
        guard let here = transaction.location else {
            report.silence = "the transaction has no location"
            return report
        }
        let place = UserRecord.Place(latitude: here.latitude, longitude: here.longitude)
        report.inputs = [("location", "\(here.latitude), \(here.longitude)"), ("places", "\(user.places.count)")]
        guard let nearest = user.places.min(by: { place.kilometers(to: $0) < place.kilometers(to: $1) }) else {
            report.silence = "no place is known yet"
            return report
        }
        let kilometers = place.kilometers(to: nearest)
        report.inputs.append(("nearest", "\(nearest.latitude), \(nearest.longitude)"))
        report.comparisons = [
            Comparison(
                quantity: "km to the nearest place", value: kilometers, relation: ">",
                bound: settings.location.unusualKilometers, isTrue: kilometers > settings.location.unusualKilometers,
                risk: min(kilometers / settings.location.fullRiskKilometers, 1))
        ]
        return report
    }

    private var amount: Explanation.CheckReport {
        var report = Explanation.CheckReport(name: "amount")
        let currency = String(decoding: transaction.currency.bytes, as: UTF8.self)
        report.inputs = [("amount", "\(transaction.amount)"), ("currency", currency)]
        guard let history = user.amounts.first(where: { $0.currency == currency }),
            history.count >= max(settings.minHistory, 1)
        else {
            let count = user.amounts.first { $0.currency == currency }?.count ?? 0
            report.silence =
                "\(count) transactions in this currency so far; amounts are judged from \(settings.minHistory) on"
            return report
        }
        let deviation = max(
            history.deviation, settings.amount.leastRelativeDeviation * history.mean, settings.amount.leastDeviation)
        let zScore = min(abs(transaction.amount - history.mean) / deviation, .greatestFiniteMagnitude)
        report.inputs += [
            ("mean", "\(history.mean)"), ("deviation", "\(deviation)"), ("transactions", "\(history.count)"),
        ]
        report.comparisons = [
            Comparison(
                quantity: "deviations from the mean", value: zScore, relation: ">", bound: settings.amount.zScore,
                isTrue: zScore > settings.amount.zScore, risk: min(zScore / settings.amount.fullRiskZScore, 1))
        ]
        return report
    }

    private var pattern: Explanation.CheckReport {
        var report = Explanation.CheckReport(name: "pattern")
        report.inputs = [
            ("hour", "\(hour)"), ("hours seen", user.hours.map { "\($0)" }.joined(separator: " ")),
            ("transaction_type", type), ("types known", user.types.map(\.name).sorted().joined(separator: " ")),
        ]
        guard isExperienced else {
            report.silence = inexperience
            return report
        }
        let isNewHour = !user.hours.contains(hour)
        let isNewType = !user.types.contains { $0.name == type }
        report.comparisons = [
            Comparison(
                quantity: "hours never seen before", value: isNewHour ? 1 : 0, relation: ">", bound: 0,
                isTrue: isNewHour, risk: settings.pattern.unusualTimeRisk),
            Comparison(
                quantity: "types not known", value: isNewType ? 1 : 0, relation: ">", bound: 0, isTrue: isNewType,
                risk: settings.pattern.unusualTypeRisk),
        ]
        return report
    }

    private var time: Explanation.CheckReport {
        var report = Explanation.CheckReport(name: "time")
        let isNight = settings.time.isNight(UInt8(hour))
        let isWeekend = weekday >= 5
        let isFirstWeekend = isWeekend && isExperienced && !user.seenOnWeekend
        report.inputs = [
            ("hour", "\(hour)"), ("night", "\(settings.time.nightFirstHour) to \(settings.time.nightLastHour)"),
            ("weekday", "\(weekday)"), ("seen on a weekend", user.seenOnWeekend ? "yes" : "no"),
        ]
        report.comparisons = [
            Comparison(
                quantity: "hours at night", value: isNight ? 1 : 0, relation: ">", bound: 0, isTrue: isNight,
                risk: settings.time.nightRisk),
            Comparison(
                quantity: "first weekends", value: isFirstWeekend ? 1 : 0, relation: ">", bound: 0,
                isTrue: isFirstWeekend, risk: settings.time.weekendRisk),
        ]
        return report
    }
}
