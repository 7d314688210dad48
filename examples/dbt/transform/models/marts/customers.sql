-- One row for each customer, with what they ordered.
select
    customers.id as customer_id,
    customers.name,
    countries.name as country,
    count(distinct items.order_id) as orders,
    coalesce(sum(items.amount), 0) as amount
from {{ source('raw', 'customers') }} as customers
left join {{ ref('stg_order_items') }} as items
    on items.customer_id = customers.id
left join {{ ref('countries') }} as countries
    on countries.code = customers.country
group by customers.id, customers.name, countries.name
