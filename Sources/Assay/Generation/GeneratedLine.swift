import AssayCore

/// A generated transaction as a line of JSON.
struct GeneratedLine {
    let transaction: GeneratedTransaction
    let number: UInt64
    /// Whether it says where it happened, and what no check reads.
    let isFull: Bool

    /// How a line differs from the others of its stream.
    enum Form: CaseIterable {
        /// Its members come in another order.
        case reordered
        /// A text has an escape.
        case escaped
        /// Its numbers are texts.
        case texts
    }

    func write(_ form: Form?, into lines: inout OutputBuffer) {
        lines.write("{")
        if form == .reordered {
            writeTime(nil, into: &lines)
            lines.write(",")
            writeMerchant(nil, into: &lines)
            lines.write(",")
            writeAmount(nil, into: &lines)
            lines.write(",")
            writeUser(into: &lines)
        } else {
            writeUser(into: &lines)
            lines.write(",")
            writeAmount(form, into: &lines)
            lines.write(",")
            writeTime(form, into: &lines)
            lines.write(",")
            writeMerchant(form, into: &lines)
        }
        if isFull {
            lines.write(",")
            writePlace(into: &lines)
            lines.write(",")
            writeMetadata(into: &lines)
        }
        lines.write("}\n")
    }

    static func writeID(_ number: UInt64, into buffer: inout OutputBuffer) {
        buffer.write("tx")
        buffer.write(number, digits: 9)
    }

    private func writeUser(into lines: inout OutputBuffer) {
        lines.write("\"transaction_id\":\"")
        Self.writeID(number, into: &lines)
        lines.write("\",\"user_id\":\"u")
        lines.write(transaction.user.number, digits: 7)
        lines.write("\",\"account_id\":\"a")
        lines.write(transaction.user.number, digits: 7)
        lines.write("-")
        lines.write(integer: transaction.account)
        lines.write("\",\"transaction_type\":\"")
        lines.write(transaction.type)
        lines.write("\"")
    }

    private func writeAmount(_ form: Form?, into lines: inout OutputBuffer) {
        let quote: StaticString = form == .texts ? "\"" : ""
        lines.write("\"amount\":")
        lines.write(quote)
        lines.write(integer: transaction.cents / 100)
        lines.write(".")
        lines.write(transaction.cents % 100, digits: 2)
        lines.write(quote)
        lines.write(",\"currency\":\"")
        lines.write(transaction.user.home.currency)
        lines.write("\"")
    }

    private func writeTime(_ form: Form?, into lines: inout OutputBuffer) {
        let quote: StaticString = form == .texts ? "\"" : ""
        lines.write("\"timestamp\":")
        lines.write(quote)
        lines.write(integer: transaction.seconds)
        lines.write(quote)
    }

    private func writeMerchant(_ form: Form?, into lines: inout OutputBuffer) {
        lines.write("\"merchant_id\":\"")
        lines.write(form == .escaped ? "\\u006d" : "m")
        lines.write(transaction.merchant, digits: 5)
        lines.write("\"")
    }

    private func writePlace(into lines: inout OutputBuffer) {
        lines.write("\"location\":{\"latitude\":")
        lines.write(millionths: transaction.place.latitude)
        lines.write(",\"longitude\":")
        lines.write(millionths: transaction.place.longitude)
        lines.write("}")
    }

    private func writeMetadata(into lines: inout OutputBuffer) {
        let address = transaction.address
        lines.write("\"metadata\":{\"category\":\"")
        lines.write(transaction.category)
        lines.write("\",\"ip_address\":\"10.")
        lines.write(integer: address & 0xFF)
        lines.write(".")
        lines.write(integer: address >> 8 & 0xFF)
        lines.write(".")
        lines.write(integer: address >> 16 & 0xFF)
        lines.write("\",\"channel\":\"")
        lines.write(transaction.channel)
        lines.write("\"}")
    }
}

extension OutputBuffer {
    /// Writes at least this many digits, with leading zeros.
    package mutating func write(_ value: UInt64, digits: Int) {
        var limit: UInt64 = 1
        for _ in 1..<digits { limit *= 10 }
        while value < limit, limit > 1 {
            write(UInt8(ascii: "0"))
            limit /= 10
        }
        write(integer: value)
    }

    fileprivate mutating func write(millionths value: Int64) {
        if value < 0 { write("-") }
        write(integer: value.magnitude / 1_000_000)
        write(fraction: value.magnitude % 1_000_000, digits: 6)
    }
}
