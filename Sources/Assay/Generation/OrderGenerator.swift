import AssayCore
import Glibc

/// Generates the orders of a shop: some products sell more than others, and one address orders far too often. The same
/// options give the same bytes.
package struct OrderGenerator: LineGenerator, ~Copyable {
    package struct Options: Sendable {
        package var orders: UInt64 = 100_000
        package var customers: UInt64 = 1000
        package var days = 1.0
        package var seed: UInt64 = 1
        /// The part of all orders that comes from one address.
        package var aggressive = 0.1
        /// The event time of the first one.
        package var startSeconds = GenerationRun.startSeconds

        package init() {}
    }

    private struct Product {
        let name: StaticString
        let category: StaticString
        /// In won.
        let price: UInt64
        /// How often it sells.
        let weight: UInt64
    }

    private static let products: [Product] = [
        Product(name: "notebook 14", category: "electronics", price: 1_290_000, weight: 2),
        Product(name: "phone", category: "electronics", price: 890_000, weight: 4),
        Product(name: "headphones", category: "electronics", price: 189_000, weight: 9),
        Product(name: "keyboard", category: "electronics", price: 79_000, weight: 8),
        Product(name: "rice cooker", category: "kitchen", price: 159_000, weight: 5),
        Product(name: "kettle", category: "kitchen", price: 32_000, weight: 9),
        Product(name: "knife", category: "kitchen", price: 54_000, weight: 5),
        Product(name: "running shoes", category: "sports", price: 119_000, weight: 11),
        Product(name: "yoga mat", category: "sports", price: 25_000, weight: 8),
        Product(name: "tent", category: "sports", price: 240_000, weight: 2),
        Product(name: "raincoat", category: "clothing", price: 47_000, weight: 7),
        Product(name: "socks", category: "clothing", price: 9_900, weight: 18),
        Product(name: "novel", category: "books", price: 14_500, weight: 16),
        Product(name: "atlas", category: "books", price: 68_000, weight: 2),
        Product(name: "coffee beans", category: "food", price: 21_000, weight: 20),
        Product(name: "green tea", category: "food", price: 12_000, weight: 14),
    ]
    private static let allWeights = products.reduce(0) { $0 + $1.weight }
    private static let aggressiveAddress: StaticString = "203.0.113.66"

    private let options: Options
    private var random: SeededRandom
    private var made: UInt64 = 0

    package init(_ options: Options) {
        precondition(options.customers > 0)
        self.options = options
        random = SeededRandom(stream: options.seed)
    }

    var labelHeader: StaticString { "order_id,label\n" }

    mutating func writeNext(into lines: inout OutputBuffer, labels: inout OutputBuffer) -> Bool {
        guard made < options.orders else { return false }
        let part = Double(made) / Double(options.orders)
        let milliseconds = UInt64((options.startSeconds + part * options.days * 86_400) * 1000)
        let isAggressive = random.unit() < options.aggressive
        let customer = random.below(options.customers)
        let product = pickProduct()
        lines.write("{\"order_id\":\"")
        writeID(into: &lines)
        lines.write("\",\"timestamp\":")
        lines.write(seconds: EventTime(milliseconds: Int64(milliseconds)))
        lines.write(",\"user_id\":\"c")
        lines.write(customer, digits: 6)
        lines.write("\",\"product_name\":\"")
        lines.write(product.name)
        lines.write("\",\"category\":\"")
        lines.write(product.category)
        lines.write("\",\"price\":")
        lines.write(integer: product.price)
        lines.write(",\"quantity\":")
        // Usually one, sometimes up to five.
        lines.write(integer: 1 + (random.below(3) == 0 ? random.below(5) : 0))
        lines.write(",\"ip_address\":\"")
        if isAggressive { lines.write(Self.aggressiveAddress) } else { writeAddress(of: customer, into: &lines) }
        lines.write("\"}\n")
        if isAggressive {
            writeID(into: &labels)
            labels.write(",aggressive\n")
        }
        made += 1
        return true
    }

    private mutating func pickProduct() -> Product {
        var rest = random.below(Self.allWeights)
        for product in Self.products {
            if rest < product.weight { return product }
            rest -= product.weight
        }
        preconditionFailure("the weights add up to the total")
    }

    private func writeID(into buffer: inout OutputBuffer) {
        buffer.write("o")
        buffer.write(made, digits: 9)
    }

    /// Each customer has an address.
    private func writeAddress(of customer: UInt64, into lines: inout OutputBuffer) {
        var drawn = SeededRandom(seed: customer ^ options.seed << 32)
        let address = drawn.next()
        lines.write("10.")
        lines.write(integer: address & 0xFF)
        lines.write(".")
        lines.write(integer: address >> 8 & 0xFF)
        lines.write(".")
        lines.write(integer: address >> 16 & 0xFF)
    }
}
