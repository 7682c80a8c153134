import Glibc

/// What was seen of the present transaction: what its bins come from, for reasons and for what is learned next.
struct InputSigns: ~Copyable {
    /// Of one risk key.
    struct OfKey {
        /// The line has a value.
        var hasValue = false
        /// Where that is, if it was seen before.
        var value: Int?
        var recent = 0.0
        var rates = SIMD4<Double>()
    }

    var logarithm = 0.0
    var currency: Int?
    /// What the user's amounts in this currency were.
    var amountCount: UInt64 = 0
    var amountMean = 0.0
    var burst = 0.0
    /// Of what the user spent in this currency, since it was last counted.
    var decays: UserSigns.Amounts.Decays?
    var category: UInt16?
    /// As it was read, for the model's memory and for reasons.
    var categoryText: UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(start: categoryRoom.baseAddress, count: categoryLength)
    }
    private let categoryRoom = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: ShortValue.lengths.upperBound)
    private var categoryLength = 0
    var pair: UInt16?
    var deviation = 0.0
    var outliers = 0.0
    /// Since the user's last transaction.
    var gapMilliseconds: Int64 = 0
    var isFirst = false
    var daysSinceOutlier: Double?
    var hour: UInt8 = 0
    var count: UInt32 = 0
    var checks = 0.0
    var amount = 0.0
    let ofKeys: UnsafeMutableBufferPointer<OfKey>

    init(keys: Int) {
        ofKeys = .allocate(capacity: keys)
        ofKeys.initialize(repeating: OfKey())
    }

    deinit {
        categoryRoom.deallocate()
        ofKeys.deallocate()
    }

    /// `text`: of 128 bytes at most.
    mutating func setCategory(_ text: UnsafeBufferPointer<UInt8>) {
        categoryLength = categoryRoom.update(fromContentsOf: text)
    }
}

extension LearnedModel {
    /// The bins of a transaction, from all that was before it.
    func look(at sample: ModelSample, _ state: borrowing UserState, _ columns: Unmanaged<CSVColumns>?) {
        let transaction = sample.transaction
        let place = state.modelPlace.map { UserSigns($0) }
        signs.amount = transaction.amount
        signs.logarithm = log(1 + transaction.amount)
        signs.isFirst = state.transactions == 0
        signs.gapMilliseconds = state.lastTime.map { max(0, transaction.time.milliseconds - $0.milliseconds) } ?? 0
        (signs.hour, signs.count, signs.checks) = (sample.hour, sample.count, sample.checks)
        lookAtAmount(sample, state, place)
        lookAtCategory(sample, place, columns)
        let age = place?.outlierTime.map {
            min(Double(transaction.time.milliseconds - $0) / dayMilliseconds, Self.longestAge)
        }
        signs.daysSinceOutlier = age
        set(.sinceOutlier, BinEdges.age.below(age ?? Self.longestAge))
        set(.hour, sample.hour)
        signs.outliers = (place?.outliers ?? 0) * decay(signs.gapMilliseconds, halfLife: dayMilliseconds / 2)
        set(.outliers, BinEdges.count.below(signs.outliers))
        set(.gap, signs.isFirst ? 0 : 1 + BinEdges.gap.below(Double(signs.gapMilliseconds) / 1000))
        set(.count, UInt8(min(sample.count, 60)))
        set(.checks, BinEdges.score.below(sample.checks))
        for key in keyPaths.indices { look(atKey: key, sample, columns) }
    }

    static let longestAge = 30.0
    /// Keeps a quotient of amounts finite.
    private static let least = 1e-9

    @inline(__always)
    private func set(_ input: InputLayout.Fixed, _ bin: UInt8) { bins[input.rawValue] = bin }

    private func lookAtAmount(_ sample: ModelSample, _ state: borrowing UserState, _ place: UserSigns?) {
        let (amount, code) = (sample.transaction.amount, sample.transaction.currency)
        signs.currency = norms.currency(code)
        var (coarse, fine) = (UInt8(0), UInt8(0))
        if let currency = signs.currency, norms.currencies[currency].count >= Norms.least {
            let steps = (signs.logarithm - norms.currencies[currency].mean) / 0.6931471805599453
            coarse = 1 + quarter(steps, -24, 36)
            fine = 1 + quarter(4 * steps, -10, 51)
        }
        set(.amount, coarse)
        set(.amountFine, fine)
        (signs.amountCount, signs.amountMean) = (0, 0)
        if let history = state.amounts.first(where: { $0.currency == code }) {
            (signs.amountCount, signs.amountMean) = (history.count, history.mean)
        }
        let ratio = ratio
        set(.ratio, signs.amountCount >= 2 ? 1 + quarter(log(ratio), -10, 12) : 0)
        (signs.burst, signs.decays) = (.nan, nil)
        set(.burst, 0)
        guard signs.amountCount >= 1, let amounts = place?.amounts.first(where: { $0.currency == code }) else { return }
        let passed = max(0, sample.transaction.time.milliseconds - amounts.time)
        let usual = 0.2 * signs.amountMean
        let decays = UserSigns.Amounts.decays(passed)
        signs.decays = decays
        signs.burst =
            (amounts.day * decays.day + amount + usual + Self.least)
            / (amounts.month * decays.month / 30 + usual + Self.least)
        set(.burst, 1 + quarter(log(signs.burst), -10, 16))
    }

    /// To the mean of the user's amounts.
    var ratio: Double { (signs.amount + Self.least) / (signs.amountMean + Self.least) }

    private func lookAtCategory(_ sample: ModelSample, _ place: UserSigns?, _ columns: Unmanaged<CSVColumns>?) {
        categoryPath.withValue(of: sample, columns) { signs.setCategory($0) }
        let (bin, category) = norms.number(ofCategory: signs.categoryText)
        set(.category, bin)
        signs.category = category
        signs.pair = category.flatMap { norms.pair($0, sample.transaction.currency, number: signs.currency) }
        signs.deviation = .nan
        set(.categoryDeviation, 0)
        guard let pair = signs.pair, norms.pairs[Int(pair)].count >= Norms.least else { return }
        let ofAll = norms.pairs[Int(pair)]
        let own = place.flatMap { place in place.norm(of: pair).map { place.norms[$0] } }
        let count = Double(own?.count ?? 0)
        let mean = (count * (own?.mean ?? 0) + 5 * ofAll.mean) / (count + 5)
        let variance = (count * (own?.variance ?? 0) + 5 * ofAll.variance) / (count + 5)
        signs.deviation = (signs.logarithm - mean) / (variance + 0.02).squareRoot()
        set(.categoryDeviation, 1 + BinEdges.deviation.below(signs.deviation))
    }

    private func look(atKey key: Int, _ sample: ModelSample, _ columns: Unmanaged<CSVColumns>?) {
        let (hasValue, value) = keyPaths[key].withValue(of: sample, columns) {
            $0.isEmpty ? (false, nil) : (true, find($0, key: key))
        }
        let found = signs.ofKeys.baseAddress! + key
        (found.pointee.hasValue, found.pointee.value) = (hasValue, value)
        let first = InputLayout.input(.recent, of: key)
        guard hasValue else {
            for input in InputLayout.OfKey.allCases { bins[first + input.rawValue] = Self.noValueBin }
            return
        }
        var (recent, rates) = (0.0, SIMD4(repeating: shareOfAll))
        if let value, let memory = values.memory(value) {
            recent = memory.recent
            let passed = max(clock - settings.maturityMilliseconds - memory.last, 0)
            rates = memory.rates(after: passed, shareOfAll: shareOfAll)
        }
        (found.pointee.recent, found.pointee.rates) = (recent, rates)
        bins[first + InputLayout.OfKey.recent.rawValue] = BinEdges.rate.below(recent)
        bins[first + InputLayout.OfKey.oneDay.rawValue] = BinEdges.rate.below(rates.x)
        bins[first + InputLayout.OfKey.fiveDays.rawValue] = BinEdges.rate.below(rates.y)
        bins[first + InputLayout.OfKey.twentyDays.rawValue] = BinEdges.rate.below(rates.z)
    }

    static let noValueBin: UInt8 = 63

    // MARK: Learning what is usual

    /// Learns what the transaction tells of its user and of all users.
    func learnUser(_ sample: ModelSample, _ state: borrowing UserState) -> UserPlace {
        let (transaction, code) = (sample.transaction, sample.transaction.currency)
        var user = state.modelPlace.map { UserSigns($0) } ?? UserSigns(in: &userPool)
        saving.hasNewNorms = true
        let pair = norms.learn(
            signs.logarithm, code, categoryText: signs.categoryText, signs.category, known: signs.pair)
        if let pair { learn(pair, &user) }
        user.outliers = signs.outliers
        guard let index = user.amounts.firstIndex(where: { $0.currency == code }) else {
            guard state.amounts.contains(where: { $0.currency == code }) else { return user.place }
            user.keepAmounts { currency in state.amounts.contains { $0.currency == currency } }
            let amount = transaction.amount
            user.add(
                UserSigns.Amounts(
                    currency: code, level: amount, deviation: 0.4 * amount, day: amount,
                    month: amount * 0.6931471805599453, time: transaction.time.milliseconds), in: &userPool)
            return user.place
        }
        let width = 1.25 * user.amounts[index].deviation + 0.04 * user.amounts[index].level + 0.01
        let distance = signs.amountCount >= 2 ? (transaction.amount - user.amounts[index].level) / width : 0
        if distance > 2.5 { user.outliers += 1 }
        if distance > 4 { user.outlierTime = transaction.time.milliseconds }
        user.amounts[index].learn(
            transaction.amount, transaction.time, width: width, count: signs.amountCount, signs.decays)
        return user.place
    }

    private func learn(_ pair: UInt16, _ user: inout UserSigns) {
        guard let index = user.norm(of: pair) else {
            let variance = norms.pairs[Int(pair)].variance
            user.add(
                UserSigns.Norm(pair: pair, count: 1, mean: signs.logarithm, variance: variance), in: &userPool)
            return
        }
        user.useNorm(index)
        user.norms[0].learn(signs.logarithm)
    }
}

extension UserSigns.Norm {
    fileprivate mutating func learn(_ logarithm: Double) {
        count = min(count + 1, Self.mostCount)
        let difference = clipped(logarithm - mean)
        let step = max(0.02, 1 / Double(count))
        mean += step * difference
        variance += step * (difference * difference - variance)
    }
}

extension UserSigns.Amounts {
    typealias Decays = (day: Double, month: Double)

    /// What is left after some time of what was spent in a day, and in a month.
    fileprivate static func decays(_ milliseconds: Int64) -> Decays {
        (
            decay(milliseconds, halfLife: dayMilliseconds), decay(milliseconds, halfLife: 30 * dayMilliseconds)
        )
    }

    /// `width`: what is usual. `count`: of the amounts before this one. `decays`: since the last one, if known.
    fileprivate mutating func learn(
        _ amount: Double, _ time: EventTime, width: Double, count: UInt64, _ decays: Decays?
    ) {
        let step = max(0.03, 1 / Double(count + 2))
        let bound = 3 * width
        let bounded = min(max(amount, level - bound), level + bound)
        let decays = decays ?? Self.decays(max(0, time.milliseconds - self.time))
        deviation += step * (abs(bounded - level) - deviation)
        level += step * (bounded - level)
        day = day * decays.day + amount
        month = month * decays.month + amount * 0.6931471805599453
        self.time = max(self.time, time.milliseconds)
    }
}
