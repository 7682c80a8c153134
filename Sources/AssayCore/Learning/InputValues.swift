import Glibc

extension LearnedModel {
    /// Writes a slot of the present transaction with the values of its inputs as JSON.
    func write(_ slot: Int, weight: Double, into bytes: inout OutputBuffer) {
        bytes.append(text: "{\"input\":\"")
        switch layout.meaning(of: slot) {
        case .bias: bytes.append(text: "bias\",\"value\":null")
        case .input(let input, _):
            bytes.append(escaping: layout.names[input])
            bytes.append(text: "\",\"value\":")
            value(of: input).write(into: &bytes)
        case .pair(let pair, _, _):
            let (first, second) = layout.pairs[pair]
            bytes.append(escaping: layout.names[first])
            bytes.append(text: "*")
            bytes.append(escaping: layout.names[second])
            bytes.append(text: "\",\"value\":[")
            value(of: first).write(into: &bytes)
            bytes.append(text: ",")
            value(of: second).write(into: &bytes)
            bytes.append(text: "]")
        }
        bytes.append(text: ",\"weight\":")
        InputValue.number(weight).write(into: &bytes)
        bytes.append(text: "}")
    }

    /// What an input of the present transaction is.
    func value(of input: Int) -> InputValue {
        guard let fixed = InputLayout.Fixed(rawValue: input) else { return valueOfKey(input) }
        switch fixed {
        case .amount, .amountFine:
            guard bins[input] > 0, let currency = signs.currency else { return .unknown }
            return .number(exp(signs.logarithm - norms.currencies[currency].mean))
        case .ratio: return bins[input] > 0 ? .number(ratio) : .unknown
        case .sinceOutlier: return signs.daysSinceOutlier.map { .number($0) } ?? .unknown
        case .burst: return .number(signs.burst)
        case .category: return .text(Array(signs.categoryText))
        case .hour: return .number(Double(signs.hour))
        case .categoryDeviation: return .number(signs.deviation)
        case .outliers: return .number(signs.outliers)
        case .gap: return signs.isFirst ? .unknown : .number(Double(signs.gapMilliseconds) / 1000)
        case .count: return .number(Double(signs.count))
        case .checks: return .number(signs.checks)
        }
    }

    private func valueOfKey(_ input: Int) -> InputValue {
        let rest = input - InputLayout.Fixed.allCases.count
        let found = signs.ofKeys[rest / InputLayout.OfKey.allCases.count]
        guard found.hasValue, let part = InputLayout.OfKey(rawValue: rest % InputLayout.OfKey.allCases.count) else {
            return .unknown
        }
        switch part {
        case .recent: return .number(found.recent)
        case .oneDay: return .number(found.rates.x)
        case .fiveDays: return .number(found.rates.y)
        case .twentyDays: return .number(found.rates.z)
        }
    }
}

/// The value of an input, as it is shown.
package enum InputValue: Equatable, Sendable {
    case unknown
    case number(Double)
    case text([UInt8])

    package var json: JSON {
        switch self {
        case .number(let number) where number.isFinite: .real(number)
        case .unknown, .number: .null
        case .text(let text): .string(String(decoding: text, as: UTF8.self))
        }
    }

    func write(into bytes: inout OutputBuffer) {
        switch self {
        case .number(let number) where number.isFinite:
            bytes.reserve(OutputBuffer.longestNumber)
            bytes.write(real: number)
        case .unknown, .number: bytes.append(text: "null")
        case .text(let text):
            bytes.append(text: "\"")
            bytes.reserve(OutputBuffer.longestEscaped(text.count))
            text.withUnsafeBufferPointer { bytes.write(escaping: $0) }
            bytes.append(text: "\"")
        }
    }
}

extension OutputBuffer {
    fileprivate mutating func append(text: StaticString) {
        reserve(text.utf8CodeUnitCount)
        write(text)
    }

    fileprivate mutating func append(escaping text: String) {
        reserve(OutputBuffer.longestEscaped(text.utf8.count))
        var text = text
        text.withUTF8 { write(escaping: $0) }
    }
}
